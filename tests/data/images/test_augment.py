"""Crops and resizes: distributions of the random ones, exact pixels of the evaluation."""

import functools

import numpy as np
import pytest
from PIL import Image

from effjax.data import AugmentConfig, DataConfig
from effjax.data.images.augment import DRAWN, train_transform
from effjax.data.images.centre_crop import EvalTransform, eval_transform
from effjax.data.images.random_crop import BOX, pad_crop, random_box
from effjax.data.images.resize import resize
from effjax.errors import UserError


def picture(height, width):
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(x / a + y / b) for a, b in ((3, 11), (7, 5), (23, 2))]
    return np.stack(waves, -1).astype(np.uint8)


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


def transform(size=16, **settings):
    return train_transform(DataConfig(image_size=size, augment=AugmentConfig(**settings)))


def views_of(make, image, count, seed=0):
    """The views that `count` examples of the same image get."""
    rng = functools.cache(lambda k: np.random.default_rng((seed, k)))
    uniform = np.random.default_rng(seed).random
    draws, places = make.draws(uniform((count, DRAWN))), uniform((count, BOX))
    views = np.zeros((count, *make.size, 3), np.uint8)
    for k, choice in enumerate(draws.choice):
        whole = 0, 0, *image.shape[:2]
        top, left, h, w = make.box(places[k], image.shape[:2]) if make.boxes else whole
        make.whole(image[top : top + h, left : left + w], choice, views[k])
    return make.finish(views, draws, rng)


def test_windows_and_interpolations_are_drawn_evenly():
    draws = transform(crop="pad", pad=2).draws(np.random.default_rng(0).random((5000, DRAWN)))
    for field, values in (("top", 5), ("left", 5), ("choice", 2)):
        counts = np.bincount(getattr(draws, field))
        assert len(counts) == values
        assert abs(counts / 5000 - 1 / values).max() < 0.03
    assert transform(interpolation="bicubic").interpolations == ("bicubic",)


def test_flips_have_their_probabilities():
    image = picture(16, 16)
    views = views_of(transform(crop="none", hflip=0.3, vflip=0.6), image, 1500)
    both = {(h, v): image[:: 1 - 2 * v, :: 1 - 2 * h] for h in (0, 1) for v in (0, 1)}
    share = {k: np.mean([(view == of).all() for view in views]) for k, of in both.items()}
    for (h, v), found in share.items():
        assert abs(found - (0.3 if h else 0.7) * (0.6 if v else 0.4)) < 0.04


@pytest.mark.parametrize("crop", ["random_resized", "pad", "none"])
@pytest.mark.parametrize(
    "extra", [{}, {"randaugment": "rand-m9-mstd0.5-inc1"}, {"color_jitter": 0.4}]
)
def test_train_view_is_uint8_of_the_size_and_depends_on_the_draws_alone(crop, extra):
    make = transform((12, 20), crop=crop, **extra)
    views = [views_of(make, picture(40, 30), 3, seed) for seed in (1, 1, 2)]
    assert views[0].shape == (3, 12, 20, 3)
    assert views[0].dtype == np.uint8
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()


def test_shrinking_by_more_than_two_averages():
    grid = np.zeros((64, 64, 3), np.uint8)
    grid[::4] = 200
    np.testing.assert_array_equal(np.unique(resize(grid, (16, 16), "bilinear")), [50])


def test_enough_keeps_the_smallest_crop_sharp():
    assert transform(224).enough == (792, 792)
    assert transform((10, 20), crop="none").enough == (10, 20)


# (image, size, crop) -> Pillow's resize to this (width, height), then the box (left, top)
EVAL_CASES = [
    ((375, 500), 224, 0.875, (341, 256), (58, 16)),
    ((500, 375), 224, 0.95, (235, 313), (6, 44)),
    ((300, 300), 224, 1.0, (224, 224), (0, 0)),
    ((100, 333), 224, 0.9, (825, 248), (300, 12)),
]


@pytest.mark.parametrize(("image", "size", "crop", "resized", "corner"), EVAL_CASES)
def test_evaluation_is_pillows_antialiased_bicubic(image, size, crop, resized, corner):
    image = picture(*image)
    out = EvalTransform((size, size), crop, "bicubic")(image)
    whole = Image.fromarray(image).resize(resized, Image.Resampling.BICUBIC)
    left, top = corner
    box = whole.crop((left, top, left + size, top + size))
    np.testing.assert_array_equal(out, np.asarray(box))


def test_evaluation_of_a_wide_size():
    image = picture(100, 100)
    out = EvalTransform((32, 64), 1.0, "bilinear")(image)
    whole = Image.fromarray(image).resize((64, 64), Image.Resampling.BILINEAR)
    np.testing.assert_array_equal(out, np.asarray(whole)[16:48])


def test_eval_crop_is_checked():
    with pytest.raises(UserError, match="eval_crop"):
        eval_transform(DataConfig(eval_crop=1.5))
