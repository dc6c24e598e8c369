"""Zen score by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.proxies.zen import STEP, random_variables, zen, zen_once
from tests.search.proxies import tiny


def test_of_a_linear_layer_and_a_layer_norm():
    module = tiny.Chain(norm=True)
    variables = tiny.variables_of(module)
    x, z = tiny.batch(0).images, tiny.batch(1).images
    found, _ = zen_once(tiny.apply_of(module), variables, x, z)
    kernel = variables["params"]["fc0"]["kernel"]
    hidden = jnp.maximum(x.reshape(6, -1) @ kernel, 0)
    first = module.apply(variables, x)[1]
    second = module.apply(variables, x + STEP * z)[1]
    change = np.abs(first - second).sum((1, 2, 3)).mean()
    variance = hidden.var(-1).mean()
    assert found == pytest.approx(np.log(change) + 0.5 * np.log(variance), rel=1e-9)


def test_kernels_are_drawn_scales_are_one_and_the_rest_is_zero():
    variables = tiny.variables_of(tiny.Chain(bias=True, norm=True))
    drawn = random_variables(variables, lambda path, shape: jnp.full(shape, 7.0))["params"]
    assert (drawn["fc0"]["kernel"] == 7).all()
    assert (drawn["norm"]["scale"] == 1).all()
    assert (drawn["fc0"]["bias"] == 0).all()
    assert (drawn["norm"]["bias"] == 0).all()


def test_the_seed_says_the_draw():
    module = tiny.Chain()
    variables = tiny.variables_of(module)
    program = jax.jit(lambda key: zen(tiny.apply_of(module), variables, key, tiny.IMAGE))
    one, other = jax.random.key(1), jax.random.key(2)
    assert program(one) == program(one) != program(other)
