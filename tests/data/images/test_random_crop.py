"""Random boxes and windows: their distributions."""

import numpy as np

from effjax.data.images.random_crop import BOX, pad_crop, random_box
from tests.data.images.test_augment import picture


def test_random_box_has_the_papers_area_and_ratio():
    draws = np.random.default_rng(0).random((4000, BOX))
    boxes = np.array([random_box(u, (400, 400), (0.08, 0.5), (0.75, 4 / 3)) for u in draws])
    top, left, h, w = boxes.T
    area, ratio = h * w / 400**2, w / h
    assert (top >= 0).all()
    assert (top + h <= 400).all()
    assert (left + w <= 400).all()
    assert abs(area.mean() - 0.29) < 0.01
    assert abs(area.min() - 0.08) < 0.01
    assert abs(area.max() - 0.5) < 0.01
    assert abs(np.log(ratio).mean()) < 0.02
    assert 0.74 < ratio.min() < 0.76
    # places are uniform: the box's centre of gravity is the image's
    assert abs((top / (400 - h)).mean() - 0.5) < 0.02


def test_random_box_of_a_strip_falls_back_to_the_centre():
    box = random_box(np.random.default_rng(0).random(BOX), (20, 1000), (0.9, 1.0), (0.75, 4 / 3))
    assert box == (0, 486, 20, 27)


def test_pad_crop_moves_by_at_most_the_border():
    image = picture(8, 8)
    top, left = np.divmod(np.arange(25), 5)
    crops = pad_crop(np.stack([image] * 25), top, left, 2)
    padded = np.pad(image, ((2, 2), (2, 2), (0, 0)))
    for crop, y, x in zip(crops, top, left):
        np.testing.assert_array_equal(crop, padded[y : y + 8, x : x + 8])
