"""Every operation equals timm's, recorded."""

import pathlib

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from effjax.data.images.operations import BASE, INCREASING, How

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
    how = How(Image.Resampling[resample], (124, 116, 104))
    made = apply(RECORDED["image"], level(float(strength), Signed(sign)), how)
    np.testing.assert_array_equal(made, RECORDED[key])


@pytest.mark.parametrize("operations", [BASE, INCREASING])
@pytest.mark.parametrize("strength", [0.0, 10.0])
def test_extremes_are_allowed(operations, strength):
    image = RECORDED["image"]
    how = How(Image.Resampling.BILINEAR, (0, 0, 0))
    rng = np.random.default_rng(0)
    for level, apply in operations.values():
        assert apply(image, level(strength, rng), how).shape == image.shape
    none_left = INCREASING["Posterize"]
    assert not none_left.apply(image, none_left.level(10.0, rng), how).any()


def test_every_operation_was_recorded():
    names = {key.split("/")[1] for key in RECORDED.files if "/" in key}
    assert names == set(BASE) == set(INCREASING)
    assert len(BASE) == 15


def images():
    """Noise, a size with no inside, one value, two values, and few values from dark to bright."""
    rng = np.random.default_rng(0)
    for shape in ((24, 17, 3), (2, 5, 3)):
        yield rng.integers(0, 256, shape, dtype=np.uint8)
    yield np.full((9, 9, 3), 200, np.uint8)
    yield np.uint8(255) * rng.integers(0, 2, (12, 12, 3), dtype=np.uint8)
    yield rng.integers(90, 120, (16, 16, 3), dtype=np.uint8)


# what Pillow makes of an image at a level
PILLOW = {
    "AutoContrast": lambda picture, level: ImageOps.autocontrast(picture),
    "Equalize": lambda picture, level: ImageOps.equalize(picture),
    "Invert": lambda picture, level: ImageOps.invert(picture),
    "Posterize": lambda picture, level: ImageOps.posterize(picture, int(level)),
    "Solarize": ImageOps.solarize,
    "Color": lambda picture, level: ImageEnhance.Color(picture).enhance(level),
    "Contrast": lambda picture, level: ImageEnhance.Contrast(picture).enhance(level),
    "Brightness": lambda picture, level: ImageEnhance.Brightness(picture).enhance(level),
    "Sharpness": lambda picture, level: ImageEnhance.Sharpness(picture).enhance(level),
}


@pytest.mark.parametrize("name", PILLOW)
def test_pixels_equal_pillows_at_all_magnitudes(name):
    how = How(Image.Resampling.BILINEAR, (0, 0, 0))
    for operation in (BASE[name], INCREASING[name]):
        for strength in np.arange(0, 10.01, 0.5):
            for sign in ("1", "-1"):
                level = operation.level(float(strength), Signed(sign))
                if name == "Posterize" and level == 0:
                    continue  # which Pillow refuses
                for image in images():
                    expected = PILLOW[name](Image.fromarray(image), level)
                    np.testing.assert_array_equal(operation.apply(image, level, how), expected)


@pytest.mark.parametrize("amount", [0, 1, 99, 110, 128])
def test_only_the_darker_half_is_lifted(amount):
    values = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=-1)
    lifted = BASE["SolarizeAdd"].apply(values, amount, None)
    expected = np.where(values < 128, values.astype(int) + amount, values)
    np.testing.assert_array_equal(lifted, expected)


def test_grey_equals_pillows_also_where_it_lies_half_way():
    values = np.arange(256)
    for red in (0, 1, 77, 255):
        green, blue = np.meshgrid(values, values)
        image = np.stack([np.full_like(green, red), green, blue], axis=-1).astype(np.uint8)
        # a factor of 0 leaves the grey
        grey = np.asarray(Image.fromarray(image).convert("L"))
        expected = np.repeat(grey[..., None], 3, axis=-1)
        np.testing.assert_array_equal(BASE["Color"].apply(image, 0.0, None), expected)
