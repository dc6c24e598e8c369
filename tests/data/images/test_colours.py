"""Colours against Pillow's, and in closed form."""

import numpy as np
import pytest
from PIL import Image, ImageEnhance

from effjax.data.images import colours

NOISE = np.random.default_rng(0).integers(0, 256, (12, 10, 3), np.uint8)
RED = np.full((4, 4, 3), (200, 0, 0), np.uint8)


@pytest.mark.parametrize(
    ("change", "pillow"),
    [
        (colours.brightness, ImageEnhance.Brightness),
        (colours.contrast, ImageEnhance.Contrast),
        (colours.saturation, ImageEnhance.Color),
    ],
)
@pytest.mark.parametrize("factor", [0.0, 0.6, 1.4])
def test_factors_are_pillows_within_one_step(change, pillow, factor):
    expected = np.asarray(pillow(Image.fromarray(NOISE)).enhance(factor))
    assert np.abs(change(NOISE, factor).astype(int) - expected).max() <= 1


def test_hue_goes_around_the_circle():
    for share, expected in ((1 / 3, (0, 200, 0)), (-1 / 3, (0, 0, 200))):
        turned = colours.turn_hue(RED, share)[0, 0]
        # a step of 256 is 1.4 degrees
        np.testing.assert_allclose(turned, expected, atol=5)
    np.testing.assert_array_equal(colours.turn_hue(RED, 0.5), colours.turn_hue(RED, -0.5))
    grey = colours.to_grey(NOISE)
    np.testing.assert_array_equal(colours.turn_hue(grey, 0.3), grey)


def test_grey_solarize_and_blur():
    assert np.ptp(colours.to_grey(NOISE), axis=-1).max() == 0
    values = np.array([[[0, 127, 128], [129, 200, 255]]], np.uint8)
    np.testing.assert_array_equal(colours.solarize(values), [[[0, 127, 127], [126, 55, 0]]])
    np.testing.assert_array_equal(colours.blur(RED, 1.5), RED)
    point = np.zeros((9, 9, 3), np.uint8)
    point[4, 4] = 255
    line = colours.blur(point, 1.0)[4, :, 0].astype(float)
    # a Gaussian: ratios of neighbours are exp(-1 / 2) and exp(-3 / 2)
    assert line[5] / line[4] == pytest.approx(np.exp(-0.5), abs=0.05)
    assert line[6] / line[5] == pytest.approx(np.exp(-1.5), abs=0.1)


def test_an_amount_of_zero_changes_no_other_draw():
    rng = np.random.default_rng
    whole = colours.jitter(NOISE, (0.4, 0.0, 0.0, 0.0), rng(3))
    np.testing.assert_array_equal(whole, colours.brightness(NOISE, 1 + 0.4 * drawn_change(rng(3))))
    np.testing.assert_array_equal(colours.jitter(NOISE, (0.0,) * 4, rng(3)), NOISE)


def drawn_change(rng):
    rng.random(4)  # the order
    return 2 * rng.random(4)[0] - 1
