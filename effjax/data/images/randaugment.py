"""RandAugment with timm's words and meanings (Cubuk et al., 2019, arXiv:1909.13719).

Two operations drawn from fifteen, each applied with probability one half, at a strength of 0 to 10.
Geometry does more at a higher strength; the "increasing" variants of the colour operations do too.
"""

import dataclasses
import re
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from effjax.errors import UserError

FULL = 10  # the strength at which a level reaches its range

Level = Callable[[float, np.random.Generator], float]
Operation = Callable[[Image.Image, float, dict], Image.Image]


def signed(value: float, rng: np.random.Generator) -> float:
    return -value if rng.random() > 0.5 else value


def enhance_level(strength: float, rng: np.random.Generator) -> float:
    return 0.1 + 1.8 * strength / FULL


def increasing_enhance_level(strength: float, rng: np.random.Generator) -> float:
    return max(0.1, 1 + signed(0.9 * strength / FULL, rng))


def enhance(kind: type) -> Operation:
    return lambda image, factor, _: kind(image).enhance(factor)


def affine(matrix: Callable[[Image.Image, float], tuple[float, ...]]) -> Operation:
    def apply(image: Image.Image, level: float, how: dict) -> Image.Image:
        return image.transform(image.size, Image.Transform.AFFINE, matrix(image, level), **how)

    return apply


def solarize_add(image: Image.Image, add: float, _: dict) -> Image.Image:
    table = [min(255, i + int(add)) if i < 128 else i for i in range(256)]
    return image.point(table * 3)


def posterize(image: Image.Image, bits: float, _: dict) -> Image.Image:
    # no bits: a black image, as Pillow gave before it refused them
    return ImageOps.posterize(image, int(bits)) if bits else image.point([0] * 768)


# operation: (level from strength, application), in timm's order
BASE: dict[str, tuple[Level, Operation]] = {
    "AutoContrast": (lambda s, _: 0, lambda image, *_: ImageOps.autocontrast(image)),
    "Equalize": (lambda s, _: 0, lambda image, *_: ImageOps.equalize(image)),
    "Invert": (lambda s, _: 0, lambda image, *_: ImageOps.invert(image)),
    "Rotate": (
        lambda s, rng: signed(30 * s / FULL, rng),
        lambda image, degrees, how: image.rotate(degrees, **how),
    ),
    "Posterize": (lambda s, _: int(4 * s / FULL), posterize),
    "Solarize": (
        lambda s, _: min(256, int(256 * s / FULL)),
        lambda image, threshold, _: ImageOps.solarize(image, threshold),
    ),
    "SolarizeAdd": (lambda s, _: min(128, int(110 * s / FULL)), solarize_add),
    "Color": (enhance_level, enhance(ImageEnhance.Color)),
    "Contrast": (enhance_level, enhance(ImageEnhance.Contrast)),
    "Brightness": (enhance_level, enhance(ImageEnhance.Brightness)),
    "Sharpness": (enhance_level, enhance(ImageEnhance.Sharpness)),
    "ShearX": (
        lambda s, rng: signed(0.3 * s / FULL, rng),
        affine(lambda image, level: (1, level, 0, 0, 1, 0)),
    ),
    "ShearY": (
        lambda s, rng: signed(0.3 * s / FULL, rng),
        affine(lambda image, level: (1, 0, 0, level, 1, 0)),
    ),
    "TranslateXRel": (
        lambda s, rng: signed(0.45 * s / FULL, rng),
        affine(lambda image, level: (1, 0, level * image.width, 0, 1, 0)),
    ),
    "TranslateYRel": (
        lambda s, rng: signed(0.45 * s / FULL, rng),
        affine(lambda image, level: (1, 0, 0, 0, 1, level * image.height)),
    ),
}
INCREASING: dict[str, tuple[Level, Operation]] = BASE | {
    "Posterize": (lambda s, _: 4 - int(4 * s / FULL), posterize),
    "Solarize": (lambda s, _: 256 - min(256, int(256 * s / FULL)), BASE["Solarize"][1]),
    **{
        name: (increasing_enhance_level, BASE[name][1])
        for name in ("Color", "Contrast", "Brightness", "Sharpness")
    },
}


@dataclasses.dataclass(frozen=True)
class RandAugment:
    """`layers` random operations on a uint8 image; see `parse` for the words that configure it."""

    magnitude: float = 10.0
    layers: int = 2
    noise: float = 0.0  # standard deviation of the magnitude; infinite: uniform up to it
    highest: float = 10.0  # the magnitude is clipped to [0, highest]
    prob: float = 0.5  # of each operation
    increasing: bool = False
    fill: tuple[int, int, int] = (128, 128, 128)  # the colour that moves in from outside

    @classmethod
    def parse(cls, text: str, mean: tuple[float, float, float]) -> "RandAugment":
        """From "rand-m9-mstd0.5-inc1": m magnitude, n layers, mstd noise, mmax, inc, p probability.

        Raises:
          UserError: a word is unknown.
        """
        kind, *words = text.split("-")
        keys = {
            "mstd": "noise",
            "mmax": "highest",
            "inc": "increasing",
            "m": "magnitude",
            "n": "layers",
            "p": "prob",
        }
        found = [re.fullmatch(r"(mstd|mmax|inc|m|n|p)([0-9.]+)", word) for word in words]
        if kind != "rand" or None in found:
            raise UserError(
                f"data.augment.randaugment={text!r}: expected words such as "
                "'rand-m9-mstd0.5-inc1'\nwith m, n, mstd, mmax, inc or p, each followed by a number"
            )
        values = {keys[word[1]]: float(word[2]) for word in found}
        values["layers"] = int(values.get("layers", 2))
        values["increasing"] = bool(values.get("increasing", 0))
        if values.get("noise", 0) > 100:
            values["noise"] = float("inf")
        return cls(**values, fill=tuple(min(255, round(255 * channel)) for channel in mean))

    def __call__(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """uint8 [H, W, 3] -> the same shape."""
        operations = list((INCREASING if self.increasing else BASE).values())
        picture = Image.fromarray(image)
        for choice in rng.integers(len(operations), size=self.layers):
            if rng.random() < self.prob:
                level, apply = operations[choice]
                resample = (Image.Resampling.BILINEAR, Image.Resampling.BICUBIC)[rng.integers(2)]
                how = {"resample": resample, "fillcolor": self.fill}
                picture = apply(picture, level(self.strength(rng), rng), how)
        return np.asarray(picture)

    def strength(self, rng: np.random.Generator) -> float:
        """The magnitude of one operation, with its noise, clipped."""
        if self.noise == float("inf"):
            drawn = rng.uniform(0, self.magnitude)
        else:
            drawn = rng.normal(self.magnitude, self.noise)
        return min(max(drawn, 0.0), self.highest)


def color_jitter(image: np.ndarray, amount: float, rng: np.random.Generator) -> np.ndarray:
    """Brightness, contrast and saturation, each by a factor within 1 +- amount, in random order."""
    picture = Image.fromarray(image)
    kinds = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for choice in rng.permutation(3):
        picture = kinds[choice](picture).enhance(rng.uniform(max(0.0, 1 - amount), 1 + amount))
    return np.asarray(picture)
