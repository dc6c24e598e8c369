"""The fifteen operations of RandAugment, with timm's names, order and levels.

An operation is a pair: `level` turns a strength of 0 to 10 into what the operation takes, and
`apply` does it to a Pillow image. `how` holds the arguments `resample` and `fillcolor` of the
operations that move pixels.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

FULL = 10  # the strength at which a level reaches the end of its range
LEVELS = 256  # of a pixel

Level = Callable[[float, np.random.Generator], float]
Apply = Callable[[Image.Image, float, dict], Image.Image]


class Operation(NamedTuple):
    """One operation: (strength, generator) -> level; (image, level, how) -> image."""

    level: Level
    apply: Apply


# ----------------------------------------------------------------------------- levels


def signed(value: float, rng: np.random.Generator) -> float:
    """`value`, or minus it with probability one half."""
    return -value if rng.random() > 0.5 else value


def no_level(strength: float, rng: np.random.Generator) -> float:
    return 0


def signed_up_to(most: float) -> Level:
    """Up to `most` in either direction."""

    def level(strength: float, rng: np.random.Generator) -> float:
        return signed(most * strength / FULL, rng)

    return level


def posterize_bits(strength: float, rng: np.random.Generator) -> float:
    return int(4 * strength / FULL)


def increasing_posterize_bits(strength: float, rng: np.random.Generator) -> float:
    return 4 - int(4 * strength / FULL)


def solarize_threshold(strength: float, rng: np.random.Generator) -> float:
    return min(LEVELS, int(LEVELS * strength / FULL))


def increasing_solarize_threshold(strength: float, rng: np.random.Generator) -> float:
    return LEVELS - min(LEVELS, int(LEVELS * strength / FULL))


def solarize_amount(strength: float, rng: np.random.Generator) -> float:
    return min(128, int(110 * strength / FULL))


def enhance_level(strength: float, rng: np.random.Generator) -> float:
    return 0.1 + 1.8 * strength / FULL


def increasing_enhance_level(strength: float, rng: np.random.Generator) -> float:
    return max(0.1, 1 + signed(0.9 * strength / FULL, rng))


# ------------------------------------------------------------------------- operations


def auto_contrast(image: Image.Image, level: float, how: dict) -> Image.Image:
    return ImageOps.autocontrast(image)


def equalize(image: Image.Image, level: float, how: dict) -> Image.Image:
    return ImageOps.equalize(image)


def invert(image: Image.Image, level: float, how: dict) -> Image.Image:
    return ImageOps.invert(image)


def rotate(image: Image.Image, degrees: float, how: dict) -> Image.Image:
    return image.rotate(degrees, **how)


def posterize(image: Image.Image, bits: float, how: dict) -> Image.Image:
    if bits == 0:
        # a black image, as Pillow gave before it refused 0 bits
        return image.point([0] * (3 * LEVELS))
    return ImageOps.posterize(image, int(bits))


def solarize(image: Image.Image, threshold: float, how: dict) -> Image.Image:
    return ImageOps.solarize(image, threshold)


def solarize_add(image: Image.Image, amount: float, how: dict) -> Image.Image:
    table = list(range(LEVELS))
    # only the darker half is lifted
    for value in range(128):
        table[value] = min(LEVELS - 1, value + int(amount))
    return image.point(table * 3)


def enhance(kind: type) -> Apply:
    """One of Pillow's four enhancers; a factor of 1 changes nothing."""

    def apply(image: Image.Image, factor: float, how: dict) -> Image.Image:
        return kind(image).enhance(factor)

    return apply


def shear_x(image: Image.Image, level: float, how: dict) -> Image.Image:
    return _affine(image, (1, level, 0, 0, 1, 0), how)


def shear_y(image: Image.Image, level: float, how: dict) -> Image.Image:
    return _affine(image, (1, 0, 0, level, 1, 0), how)


def translate_x(image: Image.Image, share: float, how: dict) -> Image.Image:
    return _affine(image, (1, 0, share * image.width, 0, 1, 0), how)


def translate_y(image: Image.Image, share: float, how: dict) -> Image.Image:
    return _affine(image, (1, 0, 0, 0, 1, share * image.height), how)


def _affine(image: Image.Image, matrix: tuple[float, ...], how: dict) -> Image.Image:
    return image.transform(image.size, Image.Transform.AFFINE, matrix, **how)


# the order counts: an operation is drawn by its number
BASE: dict[str, Operation] = {
    "AutoContrast": Operation(no_level, auto_contrast),
    "Equalize": Operation(no_level, equalize),
    "Invert": Operation(no_level, invert),
    "Rotate": Operation(signed_up_to(30), rotate),
    "Posterize": Operation(posterize_bits, posterize),
    "Solarize": Operation(solarize_threshold, solarize),
    "SolarizeAdd": Operation(solarize_amount, solarize_add),
    "Color": Operation(enhance_level, enhance(ImageEnhance.Color)),
    "Contrast": Operation(enhance_level, enhance(ImageEnhance.Contrast)),
    "Brightness": Operation(enhance_level, enhance(ImageEnhance.Brightness)),
    "Sharpness": Operation(enhance_level, enhance(ImageEnhance.Sharpness)),
    "ShearX": Operation(signed_up_to(0.3), shear_x),
    "ShearY": Operation(signed_up_to(0.3), shear_y),
    "TranslateXRel": Operation(signed_up_to(0.45), translate_x),
    "TranslateYRel": Operation(signed_up_to(0.45), translate_y),
}
# "inc1": the colour operations do more at a higher strength, as the others do in any case
INCREASING: dict[str, Operation] = BASE | {
    "Posterize": Operation(increasing_posterize_bits, posterize),
    "Solarize": Operation(increasing_solarize_threshold, solarize),
    "Color": Operation(increasing_enhance_level, enhance(ImageEnhance.Color)),
    "Contrast": Operation(increasing_enhance_level, enhance(ImageEnhance.Contrast)),
    "Brightness": Operation(increasing_enhance_level, enhance(ImageEnhance.Brightness)),
    "Sharpness": Operation(increasing_enhance_level, enhance(ImageEnhance.Sharpness)),
}
