"""Rows and columns that are sheared equal Pillow's, pixel for pixel."""

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.interpolation import transform_reference
from effjax.data.images.shears import shear_columns, shear_rows, shear_rows_reference
from tests.data.images.draws import black_and_white, nearly_equal, noise, one_value

FILL = (124, 116, 104)
CUBIC = Image.Resampling.BICUBIC
BOTH = (Image.Resampling.BILINEAR, CUBIC)
SHAPES = ((1, 1), (40, 7), (5, 90), (90, 5), (70, 61))


def check(image, slope, resample):
    expected = shear_rows_reference(image, slope, resample, FILL)
    np.testing.assert_array_equal(shear_rows(image, slope, resample, FILL), expected)


@pytest.mark.parametrize("draw", [noise, black_and_white, one_value, nearly_equal])
@pytest.mark.parametrize("resample", BOTH)
def test_pixels_equal_pillows(draw, resample):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        image = draw(rng, (*shape, 3))
        for _ in range(10):
            check(image, rng.uniform(-0.6, 0.6), resample)


@pytest.mark.parametrize("slope", [1.7, -2.3, 30.1])
def test_rows_that_leave_the_image_are_the_fill(slope):
    image = noise(np.random.default_rng(0), (40, 30, 3))
    check(image, slope, CUBIC)
    assert (shear_rows(image, slope, CUBIC, FILL)[-1] == FILL).all()


@pytest.mark.parametrize("slope", [0.0, 0.5, 0.25, 1.0])
@pytest.mark.parametrize("resample", BOTH)
def test_half_and_whole_pixels_equal_pillows(slope, resample):
    image = noise(np.random.default_rng(1), (24, 17, 3))
    check(image, slope, resample)


@pytest.mark.parametrize("resample", BOTH)
def test_columns_are_moved_by_their_place_in_the_row(resample):
    image = noise(np.random.default_rng(2), (30, 20, 3))
    expected = transform_reference(image, (1, 0, 0, 0.3, 1, 0), resample, FILL)
    np.testing.assert_array_equal(shear_columns(image, 0.3, resample, FILL), expected)


def test_bands_of_rows_meet():
    image = noise(np.random.default_rng(4), (100, 30, 3))
    check(image, 0.123, CUBIC)


def test_the_fill_is_no_memory_of_another_result():
    image = noise(np.random.default_rng(5), (40, 6, 3))
    sheared = shear_rows(image, 0.3, CUBIC, FILL)
    sheared[:] = 0
    check(image, 0.3, CUBIC)
