"""Rows and columns that move equal Pillow's, pixel for pixel."""

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.shifts import shift_columns, shift_rows, shift_rows_reference

FILL = (124, 116, 104)
CUBIC = Image.Resampling.BICUBIC
BOTH = (Image.Resampling.BILINEAR, CUBIC)
SHAPES = ((1, 1), (40, 7), (5, 90), (70, 61))


def noise(rng, shape):
    return rng.integers(0, 256, shape, np.uint8)


def black_and_white(rng, shape):
    return np.uint8(255) * rng.integers(0, 2, shape, np.uint8)


def one_value(rng, shape):
    return np.full(shape, 200, np.uint8)


def nearly_equal(rng, shape):
    return rng.integers(100, 103, shape, np.uint8)


@pytest.mark.parametrize("draw", [noise, black_and_white, one_value, nearly_equal])
@pytest.mark.parametrize("resample", BOTH)
def test_pixels_equal_pillows(draw, resample):
    rng = np.random.default_rng(0)
    for height, width in SHAPES:
        image = draw(rng, (height, width, 3))
        for _ in range(10):
            slope = rng.uniform(-0.6, 0.6)
            offset = rng.uniform(-1.5 * width, 1.5 * width)
            for moves in ((slope, 0.0), (0.0, offset), (slope, offset)):
                expected = shift_rows_reference(image, *moves, resample, FILL)
                np.testing.assert_array_equal(shift_rows(image, *moves, resample, FILL), expected)


@pytest.mark.parametrize("moves", [(0.0, 0.0), (0.5, 0.0), (0.0, 2.0), (0.0, 2.5), (0.25, 0.125)])
@pytest.mark.parametrize("resample", BOTH)
def test_half_and_whole_pixels_equal_pillows(moves, resample):
    image = noise(np.random.default_rng(1), (24, 17, 3))
    expected = shift_rows_reference(image, *moves, resample, FILL)
    np.testing.assert_array_equal(shift_rows(image, *moves, resample, FILL), expected)


@pytest.mark.parametrize("resample", BOTH)
def test_columns_are_rows_of_the_turned_image(resample):
    image = noise(np.random.default_rng(2), (30, 20, 3))
    turned = np.ascontiguousarray(image.transpose(1, 0, 2))
    expected = shift_rows_reference(turned, 0.3, 1.7, resample, FILL).transpose(1, 0, 2)
    np.testing.assert_array_equal(shift_columns(image, 0.3, 1.7, resample, FILL), expected)


@pytest.mark.parametrize("resample", BOTH)
def test_sums_too_near_a_whole_number_are_computed_as_pillow_computes_them(resample):
    # the sums of black and white at these places lie within rounding of a whole number
    image = black_and_white(np.random.default_rng(3), (8, 400, 3))
    for share in range(1, 255, 6):
        moves = (0.0, share / 255)
        expected = shift_rows_reference(image, *moves, resample, FILL)
        np.testing.assert_array_equal(shift_rows(image, *moves, resample, FILL), expected)


def test_bands_of_rows_meet():
    image = noise(np.random.default_rng(4), (100, 30, 3))
    expected = shift_rows_reference(image, 0.123, 0.0, CUBIC, FILL)
    np.testing.assert_array_equal(shift_rows(image, 0.123, 0.0, CUBIC, FILL), expected)


def test_what_lies_beyond_the_image_is_the_fill():
    image = noise(np.random.default_rng(5), (4, 6, 3))
    moved = shift_rows(image, 0.0, 99.3, CUBIC, FILL)
    assert (moved == FILL).all()
    moved[:] = 0  # and nothing that is used again
    assert (shift_rows(image, 0.0, 99.3, CUBIC, FILL) == FILL).all()
