"""Resizing for training takes every pixel into account."""

import numpy as np
from PIL import Image

from effjax.data.images.resize import resize
from tests.data.images.test_augment import picture


def test_resizing_to_half_and_less_takes_every_pixel_into_account():
    grating = np.zeros((96, 131, 3), np.uint8)
    grating[:, ::2] = 255  # finer than any of the results: grey
    for size in ((48, 65), (40, 50), (24, 32), (16, 16), (90, 16), (5, 7)):
        small = resize(grating, size, "bilinear").astype(int)
        assert small.shape == (*size, 3)
        assert abs(small - 127.5).max() < 4, size
    waves, out = picture(200, 280), np.zeros((25, 35, 3), np.uint8)
    exact = np.asarray(Image.fromarray(waves).reduce(8))
    assert resize(waves, (25, 35), "bicubic", out) is out
    assert abs(out.astype(int) - exact).max() <= 2
