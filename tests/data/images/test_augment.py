"""Crops and resizes: distributions of the random ones, exact pixels of the evaluation."""

import functools

import numpy as np
import pytest

from effjax.config import View, to_config
from effjax.data import AugmentConfig, DataConfig
from effjax.data.images.augment import DRAWN, train_transform
from effjax.data.images.random_crop import BOX
from effjax.data.images.resize import resize
from effjax.errors import UserError


def picture(height, width):
    y, x = np.mgrid[:height, :width]
    waves = [127 + 120 * np.sin(x / a + y / b) for a, b in ((3, 11), (7, 5), (23, 2))]
    return np.stack(waves, -1).astype(np.uint8)


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
    "extra",
    [
        {},
        {"randaugment": "rand-m9-mstd0.5-inc1"},
        {"policy": "autoaugment"},
        {"policy": "3augment", "color_jitter": 0.3},
        {"policy": "augmix"},
        {"color_jitter": 0.4},
    ],
)
def test_train_view_is_uint8_of_the_size_and_depends_on_the_draws_alone(crop, extra):
    make = transform((12, 20), crop=crop, **extra)
    views = [views_of(make, picture(40, 30), 3, seed) for seed in (1, 1, 2)]
    assert views[0].shape == (3, 12, 20, 3)
    assert views[0].dtype == np.uint8
    np.testing.assert_array_equal(views[0], views[1])
    assert (views[0] != views[2]).any()


def test_two_policies_are_refused():
    with pytest.raises(UserError, match="policy='augmix' takes the place of randaugment='rand-m9'"):
        transform(policy="augmix", randaugment="rand-m9")


def test_shrinking_by_more_than_two_averages():
    grid = np.zeros((64, 64, 3), np.uint8)
    grid[::4] = 200
    np.testing.assert_array_equal(np.unique(resize(grid, (16, 16), "bilinear")), [50])


def test_enough_keeps_the_smallest_crop_sharp():
    assert transform(224).enough == (792, 792)
    assert transform((10, 20), crop="none").enough == (10, 20)


@pytest.mark.parametrize(
    ("crop", "used"), [("random_resized", {"scale", "ratio"}), ("pad", {"pad"}), ("none", set())]
)
def test_what_serves_another_crop_is_not_read(crop, used):
    config = to_config(DataConfig)
    config.update(image_size=16)
    config.augment.update(crop=crop, scale=(0.5, 1.0), ratio=(1.0, 1.0), pad=3)
    view = View(config)
    train_transform(view)
    unread = {key for key in view.unread(DataConfig) if key.startswith("augment.")}
    assert unread == {"augment.scale", "augment.ratio", "augment.pad"} - {
        f"augment.{key}" for key in used
    }
