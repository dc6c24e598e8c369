"""Every operation equals timm's, recorded."""

import pathlib

import numpy as np
import pytest
from PIL import Image

from effjax.data.images.operations import BASE, INCREASING

RECORDED = np.load(pathlib.Path(__file__).parents[2] / "parity" / "randaugment.npz")


class Signed:
    """A generator whose only draw decides a sign."""

    def __init__(self, sign):
        self.draw = 0.9 if sign == "-1" else 0.1

    def random(self):
        return self.draw


@pytest.mark.parametrize("key", [key for key in RECORDED.files if key != "image"])
def test_operation_equals_timms(key):
    increasing, name, strength, sign, resample = key.split("/")
    level, apply = (INCREASING if increasing == "1" else BASE)[name]
    how = {"resample": Image.Resampling[resample], "fillcolor": (124, 116, 104)}
    picture = Image.fromarray(RECORDED["image"])
    np.testing.assert_array_equal(
        apply(picture, level(float(strength), Signed(sign)), how), RECORDED[key]
    )


@pytest.mark.parametrize("operations", [BASE, INCREASING])
@pytest.mark.parametrize("strength", [0.0, 10.0])
def test_extremes_are_allowed(operations, strength):
    picture = Image.fromarray(RECORDED["image"])
    how = {"resample": Image.Resampling.BILINEAR, "fillcolor": (0, 0, 0)}
    rng = np.random.default_rng(0)
    for level, apply in operations.values():
        assert apply(picture, level(strength, rng), how).size == picture.size
    none_left = INCREASING["Posterize"]
    assert not np.asarray(none_left[1](picture, none_left[0](10.0, rng), how)).any()


def test_every_operation_was_recorded():
    names = {key.split("/")[1] for key in RECORDED.files if "/" in key}
    assert names == set(BASE) == set(INCREASING)
    assert len(BASE) == 15
