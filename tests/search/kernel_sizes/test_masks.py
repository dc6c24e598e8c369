"""Masks are boxes at odd sizes, and their slope is what finite differences say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.kernel_sizes.masks import MASKS, nearest_odd, outer_odd
from effjax.search.kernel_sizes.sites import Site

SQUARE = Site(("x",), "depthwise", ("square",), (9,), (7,), 16, 16, 4)
RECTANGLE = Site(("x",), "depthwise", ("high", "wide"), (9, 5), (7, 7), 16, 16, 4)


@pytest.mark.parametrize("name", ["ramp", "smoothstep", "straight_through"])
@pytest.mark.parametrize("size", [1, 3, 5, 7, 9])
def test_an_odd_size_is_the_box(name, size):
    box = np.zeros((9, 9))
    cut = (9 - size) // 2
    box[cut : 9 - cut, cut : 9 - cut] = 1
    np.testing.assert_array_equal(SQUARE.mask(MASKS[name], jnp.asarray([float(size)])), box)


def test_a_height_and_a_width():
    mask = np.asarray(RECTANGLE.mask(MASKS["ramp"], jnp.asarray([3.0, 4.0])))
    assert mask.shape == (9, 5)
    np.testing.assert_array_equal(mask[:, 2], [0, 0, 0, 1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(mask[4], [0.5, 1, 1, 1, 0.5])


@pytest.mark.parametrize("name", ["ramp", "smoothstep", "sigmoid"])
@pytest.mark.parametrize("size", [1.4, 4.3, 6.0, 8.7])
def test_slope_in_the_size(name, size):
    def total(v):
        return SQUARE.mask(MASKS[name], v[None]).sum()

    step = 1e-2
    difference = (total(jnp.float32(size + step)) - total(jnp.float32(size - step))) / (2 * step)
    slope = jax.grad(total)(jnp.float32(size))
    assert slope > 0
    np.testing.assert_allclose(slope, difference, rtol=2e-3)


def test_straight_through_has_the_slope_of_the_ramp():
    slopes = [
        jax.grad(lambda v, m=m: SQUARE.mask(MASKS[m], v[None]).sum())(jnp.float32(4.3))
        for m in ("straight_through", "ramp")
    ]
    assert slopes[0] == slopes[1] != 0


def test_rounding():
    sizes = jnp.asarray([1.0, 1.9, 2.1, 3.0, 4.0, 5.01, 12.7])
    np.testing.assert_array_equal(nearest_odd(sizes), [1, 1, 3, 3, 5, 5, 13])
    np.testing.assert_array_equal(outer_odd(sizes), [1, 3, 3, 3, 5, 7, 13])
    np.testing.assert_array_equal(jax.grad(lambda v: nearest_odd(v).sum())(sizes), 0)
