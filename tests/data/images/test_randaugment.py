"""RandAugment against pixels recorded from timm 1.0.31 and against its stated probabilities.

`parity/randaugment.npz` holds one image and what timm's operations made of it (Pillow 13.0), under
"increasing/operation/strength/sign/resampling"; equal results under another sign or resampling are
left out.
"""

import collections
import pathlib

import numpy as np
import pytest

from effjax.data.images.operations import BASE
from effjax.data.images.randaugment import RandAugment, color_jitter
from effjax.errors import UserError

RECORDED = np.load(pathlib.Path(__file__).parents[2] / "parity" / "randaugment.npz")
MEAN = (0.485, 0.456, 0.406)


def test_words():
    recipe = RandAugment.parse("rand-m9-mstd0.5-inc1", MEAN)
    assert recipe == RandAugment(9.0, 2, 0.5, 10.0, 0.5, True, (124, 116, 104))
    other = RandAugment.parse("rand-m5-n3-mstd101-mmax12-p0.9", MEAN)
    assert (other.layers, other.highest, other.prob, other.increasing) == (3, 12.0, 0.9, False)
    assert other.noise == float("inf")
    for wrong in ("rand-m", "rand-q3", "augmix-m5", "rand-m9-"):
        with pytest.raises(UserError, match="expected words such as"):
            RandAugment.parse(wrong, MEAN)


def test_strength_is_normal_clipped_or_uniform():
    rng = np.random.default_rng(0)
    normal = RandAugment(magnitude=9.0, noise=0.5)
    drawn = np.array([normal.strength(rng) for _ in range(4000)])
    assert drawn.max() == 10.0
    assert abs(np.median(drawn) - 9.0) < 0.04
    assert abs((drawn < 8.5).mean() - 0.1587) < 0.025  # one sigma below
    uniform = RandAugment(magnitude=5.0, noise=float("inf"))
    drawn = np.array([uniform.strength(rng) for _ in range(4000)])
    assert 0 <= drawn.min() < 0.05
    assert 4.95 < drawn.max() <= 5.0
    assert abs(drawn.mean() - 2.5) < 0.1


def test_operations_are_drawn_evenly_and_applied_half_the_time(monkeypatch):
    applied = collections.Counter()

    def count(name):
        def apply(image, *_):
            applied[name] += 1
            return image

        return apply

    counted = {name: (BASE[name][0], count(name)) for name in BASE}
    monkeypatch.setattr("effjax.data.images.randaugment.BASE", counted)
    rng, augment = np.random.default_rng(0), RandAugment()
    for _ in range(3000):
        augment(RECORDED["image"], rng)
    assert abs(sum(applied.values()) - 3000) < 200  # of 6000 drawn
    assert set(applied) == set(BASE)
    assert max(abs(n - 200) for n in applied.values()) < 60  # four sigma


def test_color_jitter_stays_in_range_and_nothing_is_nothing():
    image, rng = RECORDED["image"], np.random.default_rng(0)
    np.testing.assert_array_equal(color_jitter(image, 0.0, rng), image)
    grey = np.full((4, 4, 3), 100, np.uint8)  # contrast and saturation leave grey as it is
    brightness = np.array([color_jitter(grey, 0.4, rng)[0, 0, 0] for _ in range(500)])
    assert 60 <= brightness.min() < 65
    assert 135 < brightness.max() <= 140
