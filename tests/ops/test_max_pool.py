"""Max pooling against a loop over windows, and its gradients against XLA's."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.test_util import check_grads

from effjax.ops import max_pool, max_pool_reference, traced_for

# size, stride, padding: a ResNet's stem, a search cell, a Visformer's; gaps, and windows far apart
WINDOWS = [(3, 2, 1), (3, 1, 1), (2, 2, 0), (5, 3, 2), (2, 3, 0), (3, 2, 0), (1, 1, 0)]
SHAPES = [(2, 7, 6, 3), (1, 12, 9, 2)]


def draw(shape):
    """Numbers of which many are equal, as after a ReLU."""
    return np.maximum(np.random.default_rng(0).integers(-4, 4, shape), 0).astype(np.float32)


def loop(x, size, stride, pad):
    """The definition, window by window."""
    around = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    x = np.pad(x, around, constant_values=-np.inf)
    rows = range(0, x.shape[1] - size + 1, stride)
    columns = range(0, x.shape[2] - size + 1, stride)
    windows = [[x[:, i : i + size, j : j + size].max((1, 2)) for j in columns] for i in rows]
    return np.array(windows).transpose(2, 0, 1, 3)


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("op", [max_pool, max_pool_reference])
def test_value_is_the_definition(op, shape, windows):
    x = draw(shape)
    np.testing.assert_array_equal(op(x, *windows), loop(x, *windows))


@pytest.mark.parametrize("windows", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_gradient_goes_where_xla_sends_it(shape, windows):
    x = draw(shape)
    g = jax.random.normal(jax.random.key(0), loop(x, *windows).shape)

    def gradient(op):
        return jax.jit(jax.grad(lambda x: (op(x, *windows) * g).sum()))(x)

    expected = gradient(max_pool_reference)
    np.testing.assert_allclose(gradient(max_pool), expected, rtol=1e-6, atol=1e-6)


def test_first_of_equal_cells_gets_the_gradient():
    gradient = jax.grad(lambda x: max_pool(x, 2).sum())(jnp.zeros((1, 2, 2, 1)))
    np.testing.assert_array_equal(gradient[0, :, :, 0], [[1, 0], [0, 0]])


def test_all_derivatives():
    with jax.enable_x64(True):
        x = np.random.default_rng(0).standard_normal((1, 5, 6, 2))
        check_grads(lambda x: max_pool(x, 3, 2, 1) ** 3, (x,), order=2)


def test_keeps_the_dtype():
    x = jnp.asarray(draw((1, 4, 4, 2)), jnp.bfloat16)
    value, gradient = jax.value_and_grad(lambda x: max_pool(x, 3, 2, 1).sum())(x)
    assert value.dtype == gradient.dtype == jnp.bfloat16


def test_tpu_has_its_own():
    def primitives(platform):
        with traced_for(platform):
            program = jax.make_jaxpr(jax.grad(lambda x: max_pool(x, 3, 2, 1).sum()))
            return str(program(jnp.zeros((1, 8, 8, 1))))

    scatter = lax.select_and_scatter_add_p.name
    assert scatter in primitives("tpu")
    assert scatter not in primitives("cpu")
