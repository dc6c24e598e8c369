"""A number says which mixer works; compiled and not."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.blocks.mixers import find_mixer
from effjax.ops import pool_minus_input


def test_the_number_chooses_and_the_rest_gets_no_gradient():
    mixer = find_mixer("one_of(options=('pooling', 'separable_conv'), windows=(3, 5))")(3)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 4, 4)), jnp.float32)
    variables = jax.jit(lambda key: mixer.init(key, x, False, None))(jax.random.key(0))

    def total(params, index):
        choices = {"index": index}
        y = mixer.apply({"params": params, "choices": choices}, x, False, None)
        return jnp.square(y).sum(), y

    run = jax.jit(jax.grad(total, has_aux=True))
    grads, y = run(variables["params"], jnp.int32(0))
    np.testing.assert_allclose(y, pool_minus_input(x, 3), atol=1e-6)
    assert all(not leaf.any() for leaf in jax.tree.leaves(grads))
    grads, y = run(variables["params"], jnp.int32(1))
    assert grads["option1"]["dwconv"]["kernel"].any()
    without_jit = total(variables["params"], jnp.int32(1))[1]
    np.testing.assert_allclose(y, without_jit, atol=1e-6)


def test_windows_are_counted():
    mixer = find_mixer("one_of(options=('pooling', 'identity'), windows=(3,))")(3)
    with pytest.raises(UserError, match="2 options and 1 windows"):
        mixer.init(jax.random.key(0), jnp.zeros((1, 2, 2, 2)), False, None)
