"""The pooling mixer against a loop over cells, XLA's windows, and itself on several devices."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from effjax.ops import pool_minus_input, pool_minus_input_reference

SHAPES = [(2, 6, 5, 3), (1, 1, 1, 2), (2, 3, 8, 1)]
SIZES = [1, 3, 5, 9]


def draw(shape, dtype=np.float64):
    return np.random.default_rng(0).standard_normal(shape).astype(dtype)


def loop(x, size):
    """The definition, cell by cell."""
    out = np.zeros_like(x)
    half = size // 2
    for row in range(x.shape[1]):
        for column in range(x.shape[2]):
            rows = slice(max(row - half, 0), row + half + 1)
            columns = slice(max(column - half, 0), column + half + 1)
            out[:, row, column] = x[:, rows, columns].mean((1, 2)) - x[:, row, column]
    return out


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", [pool_minus_input, pool_minus_input_reference])
def test_value_is_the_definition(op, shape, size):
    with jax.enable_x64(True):
        x = draw(shape)
        np.testing.assert_allclose(op(x, size), loop(x, size), atol=1e-12)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("dtype", "bound"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_gradient_is_that_of_the_reference(size, dtype, bound):
    with jax.enable_x64(True):
        x = draw((2, 6, 5, 3), dtype)

        def gradient(op):
            return jax.jit(jax.grad(lambda x: jnp.sin(op(x, size)).sum()))(x)

        got, expected = gradient(pool_minus_input), gradient(pool_minus_input_reference)
        assert got.dtype == dtype
        np.testing.assert_allclose(got, expected, atol=bound)


def test_second_derivatives():
    with jax.enable_x64(True):
        x, direction = draw((2, 4, 5, 2)), draw((2, 4, 5, 2))[::-1]

        def both(op):
            gradient = jax.grad(lambda x: jnp.sin(op(x, 3)).sum())
            forward = jax.jvp(gradient, (x,), (direction,))[1]
            return forward, jax.grad(lambda x: (gradient(x) * direction).sum())(x)

        for got, expected in zip(both(pool_minus_input), both(pool_minus_input_reference)):
            np.testing.assert_allclose(got, expected, atol=1e-12)


def test_bfloat16_rounds_once():
    x = jnp.asarray(draw((2, 6, 5, 3)), jnp.bfloat16)
    exact = loop(np.asarray(x, np.float64), 5)
    got = np.asarray(pool_minus_input(x, 5), np.float64)
    np.testing.assert_allclose(got, exact, rtol=2**-8, atol=1e-6)


def test_mapped_and_on_eight_devices():
    x = draw((8, 1, 5, 4, 3), np.float32)
    expected = loop(x.reshape(8, 5, 4, 3), 3).reshape(x.shape)
    np.testing.assert_allclose(jax.vmap(pool_minus_input)(x), expected, atol=1e-5)
    np.testing.assert_allclose(jax.pmap(pool_minus_input)(x), expected, atol=1e-5)
    mesh = jax.make_mesh((8,), ("data",))
    sharding = NamedSharding(mesh, PartitionSpec("data"))
    sharded = jax.jit(pool_minus_input, in_shardings=sharding)(x[:, 0])
    assert sharded.sharding.is_equivalent_to(sharding, 4)
    np.testing.assert_allclose(sharded, expected[:, 0], atol=1e-5)


def test_even_size_is_refused():
    with pytest.raises(ValueError, match="got size 4: give an odd one"):
        pool_minus_input(jnp.zeros((1, 4, 4, 1)), 4)
