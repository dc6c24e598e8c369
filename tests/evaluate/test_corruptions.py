"""Damage is repeatable, grows with severity, and keeps shape and type."""

import cv2
import numpy as np
import pytest

from effjax.evaluate.corruptions import CORRUPTIONS, SEVERITIES, corrupt


def picture(side: int) -> np.ndarray:
    """A smooth coloured picture with some texture, uint8 [side, side, 3]."""
    rng = np.random.default_rng(1)
    smooth = cv2.resize(rng.uniform(40, 215, (5, 5, 3)), (side, side))
    grain = cv2.resize(rng.uniform(-30, 30, (side // 4, side // 4, 3)), (side, side))
    return np.clip(smooth + grain, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("side", [64, 224])
def test_damage_grows_with_severity(kind, side):
    image = picture(side)
    before = image.copy()
    damaged = [corrupt(image, kind, severity, 3) for severity in SEVERITIES]
    np.testing.assert_array_equal(image, before)
    assert all(d.shape == image.shape and d.dtype == np.uint8 for d in damaged)
    change = [np.abs(d.astype(float) - image).mean() for d in damaged]
    if kind == "saturation":  # paler up to 3, then more colourful
        assert change[0] < change[1] < change[2]
        assert change[3] < change[4]
    elif kind == "motion_blur":  # the direction is drawn anew
        assert change[4] > 1.5 * change[0]
    else:
        assert change == sorted(change)
    assert change[0] > 0.01


@pytest.mark.parametrize("kind", ["gaussian_noise", "shot_noise", "impulse_noise", "motion_blur"])
def test_draws_belong_to_the_example(kind):
    image = picture(64)
    first = corrupt(image, kind, 3, 0)
    np.testing.assert_array_equal(first, corrupt(image, kind, 3, 0))
    assert (first != corrupt(image, kind, 3, 1)).any()


def test_a_constant_image_survives_blur_and_pixelation():
    grey = np.full((64, 48, 3), 120, np.uint8)
    for kind in ("gaussian_blur", "defocus_blur", "motion_blur", "pixelate", "contrast"):
        np.testing.assert_allclose(corrupt(grey, kind, 5, 0).astype(int), 120, atol=1)
