"""Sums of the values around a place, and what is left to Pillow."""

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.interpolation import interpolate, is_undecided, transform_reference


def test_two_values_are_joined_by_a_line():
    shares = np.array([0.0, 0.25, 1.0])
    np.testing.assert_allclose(interpolate(shares, 10.0, 14.0), [10, 11, 14])


@pytest.mark.parametrize("d", [0.0, 0.3, 0.9])
def test_four_values_have_the_weights_of_a_cubic_convolution(d):
    # Keys' kernel with a = -1, at the distances 1 + d, d, 1 - d and 2 - d of the four values
    def near(t):
        return t**3 - 2 * t**2 + 1

    def far(t):
        return -(t**3) + 5 * t**2 - 8 * t + 4

    weights = [far(1 + d), near(d), near(1 - d), far(2 - d)]
    made = [interpolate(d, *unit) for unit in np.eye(4)]
    np.testing.assert_allclose(made, weights, atol=1e-12)


def test_half_and_whole_pixels_are_undecided():
    for distance in (0.0, -3.0, 2.5, 7 + 1e-9):
        assert is_undecided(np.array([0.3, distance]))
    assert not is_undecided(np.array([0.3, 2.49]))


def test_a_matrix_says_where_a_pixel_comes_from():
    image = np.random.default_rng(0).integers(0, 256, (6, 8, 3), np.uint8)
    one_to_the_right = (1, 0, 1, 0, 1, 0)
    moved = transform_reference(image, one_to_the_right, Image.Resampling.BILINEAR, (9, 8, 7))
    np.testing.assert_array_equal(moved[:, :-1], image[:, 1:])
    assert (moved[:, -1] == (9, 8, 7)).all()
