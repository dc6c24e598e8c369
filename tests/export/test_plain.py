"""A program laid open computes the same."""

import re

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.export.plain import plain


def test_platform_choices_and_custom_gradients_are_laid_open():
    @jax.custom_vjp
    def twice(x):
        return jax.lax.platform_dependent(x, cpu=lambda x: x + x, default=lambda x: 2 * x)

    twice.defvjp(lambda x: (twice(x), None), lambda _, g: (2 * g,))
    number = jax.ShapeDtypeStruct((), jnp.float32)
    function = plain(jax.jit(lambda x: {"y": twice(x) + 1}), number)
    program = str(jax.make_jaxpr(function)(1.0))
    assert not re.search("platform_index|custom_vjp|cond|jit", program)
    assert function(jnp.float32(3.0))["y"] == 7.0


def test_the_largest_of_a_window_is_that_of_shifted_copies():
    def pool(x):
        return nn.max_pool(x, (3, 2), (2, 1), ((1, 1), (0, 0)))

    x = jax.random.normal(jax.random.key(0), (2, 7, 6, 3))
    np.testing.assert_array_equal(plain(pool, x)(x), pool(x))
