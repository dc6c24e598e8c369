"""Weights of a supernet's options."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.blocks.mixers import find_mixer
from effjax.ops import pool_minus_input


def test_the_sum_by_hand():
    mixer = find_mixer("weighted_sum(options=('pooling', 'identity'), windows=(3, 3))")(3)
    x = jnp.asarray(np.random.default_rng(0).standard_normal((2, 4, 4, 4)), jnp.float32)
    run = jax.jit(lambda weights: mixer.apply({"choices": {"weights": weights}}, x, False, None))
    for weights in ([0.3, 0.7], [1.0, 0.0]):
        expected = weights[0] * pool_minus_input(x, 3) + weights[1] * x
        np.testing.assert_allclose(run(jnp.array(weights)), expected, atol=1e-6)
    fresh = mixer.init(jax.random.key(0), x, False, None)
    np.testing.assert_allclose(fresh["choices"]["weights"], [0.5, 0.5])


def test_windows_are_counted():
    mixer = find_mixer("weighted_sum(options=('pooling', 'identity'), windows=(3,))")(3)
    with pytest.raises(UserError, match="2 options and 1 windows"):
        mixer.init(jax.random.key(0), jnp.zeros((1, 2, 2, 2)), False, None)
