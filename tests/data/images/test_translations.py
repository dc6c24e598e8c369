"""Images that move along one axis equal Pillow's, pixel for pixel."""

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.translations import translate, translate_reference
from tests.data.images.draws import black_and_white, nearly_equal, noise, one_value

FILL = (124, 116, 104)
BOTH = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)
SHAPES = ((1, 1), (40, 7), (5, 90), (70, 61))


def check(image, offset, axis, resample):
    expected = translate_reference(image, offset, axis, resample, FILL)
    made = translate(image, offset, axis, resample, FILL)
    np.testing.assert_array_equal(made, expected)


@pytest.mark.parametrize("draw", [noise, black_and_white, one_value, nearly_equal])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("resample", BOTH)
def test_pixels_equal_pillows(draw, axis, resample):
    rng = np.random.default_rng(0)
    for shape in SHAPES:
        image = draw(rng, (*shape, 3))
        for _ in range(10):
            most = 1.5 * shape[axis]
            check(image, rng.uniform(-most, most), axis, resample)


@pytest.mark.parametrize("offset", [0.0, 2.0, 2.5, -0.5, 0.125, -7.001])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("resample", BOTH)
def test_half_and_whole_pixels_equal_pillows(offset, axis, resample):
    image = noise(np.random.default_rng(1), (24, 17, 3))
    check(image, offset, axis, resample)


@pytest.mark.parametrize("resample", BOTH)
def test_sums_too_near_a_whole_number_are_computed_as_pillow_computes_them(resample):
    # the sums of black and white at these places lie within rounding of a whole number
    image = black_and_white(np.random.default_rng(3), (8, 400, 3))
    for share in range(1, 255, 6):
        check(image, share / 255, 1, resample)


@pytest.mark.parametrize("axis", [0, 1])
def test_bands_of_rows_meet(axis):
    image = noise(np.random.default_rng(4), (200, 30, 3))
    check(image, 3.123, axis, Image.Resampling.BICUBIC)


@pytest.mark.parametrize("axis", [0, 1])
def test_what_lies_beyond_the_image_is_the_fill(axis):
    image = noise(np.random.default_rng(5), (4, 6, 3))
    assert (translate(image, 99.3, axis, Image.Resampling.BICUBIC, FILL) == FILL).all()
