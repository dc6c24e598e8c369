from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import conv, conv_reference, onednn_calls


def draw(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_definition_cell_by_cell():
    x, w = draw((1, 7, 8, 2)), draw((3, 2, 2, 4), 1)
    y = conv(x, w, (2, 3), (1, 0))
    padded = np.pad(x, ((0, 0), (1, 1), (0, 0), (0, 0)))
    expected = np.zeros((1, 4, 3, 4))
    for row, column in np.ndindex(4, 3):
        window = padded[0, 2 * row : 2 * row + 3, 3 * column : 3 * column + 2]
        expected[0, row, column] = np.tensordot(window, w, 3)
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)


def test_gradients_are_those_of_the_reference():
    x, w = draw((1, 6, 6, 2)), draw((2, 2, 2, 3), 1)

    def gradients(op):
        op = partial(op, stride=(2, 2), pad=(0, 0))
        return jax.grad(lambda x, w: jnp.sin(op(x, w)).sum(), (0, 1))(x, w)

    for found, expected in zip(gradients(conv), gradients(conv_reference)):
        np.testing.assert_allclose(found, expected, atol=1e-6)


# a kernel's gradient takes 1, 2 and all 6 images at once
@pytest.mark.parametrize("side", [20, 14, 7])
@pytest.mark.parametrize("stride", [1, 2])
def test_calls_have_the_values_and_gradients_of_the_reference(side, stride):
    left = (side - 1) // stride + 1
    x, w = draw((6, side, side, 32)), draw((3, 3, 32, 48), 1)
    g = draw((6, left, left, 48), 2)
    check_calls(x, w, g, (stride, stride), (1, 1))


def test_patches_that_do_not_overlap_have_the_values_and_gradients_of_the_reference():
    # more than 2^22 multiply-adds: worth a call
    x, w, g = draw((4, 64, 48, 4)), draw((4, 2, 4, 96), 1), draw((4, 16, 24, 96), 2)
    check_calls(x, w, g, (4, 2), (0, 0))


def check_calls(x, w, g, stride, pad):
    def both(op):
        op = partial(op, stride=stride, pad=pad)
        with onednn_calls():
            return jax.jit(lambda x, w: (op(x, w), *jax.vjp(op, x, w)[1](g)))(x, w)

    for found, expected in zip(both(conv), both(conv_reference)):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-3)
