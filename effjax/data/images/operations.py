"""The fifteen operations of RandAugment, with timm's names, order and levels.

An operation is a pair: `level` turns a strength of 0 to 10 into what the operation takes, and
`apply` does it to a Pillow image. `how` holds the arguments `resample` and `fillcolor` of the
operations that move pixels.
"""

from collections.abc import Callable
from typing import NamedTuple

from numpy.random import Generator
from PIL import Image, ImageEnhance, ImageOps
from PIL.Image import Image as Picture

FULL = 10  # the strength at which a level reaches the end of its range
LEVELS = 256  # of a pixel

Level = Callable[[float, Generator], float]
Apply = Callable[[Picture, float, dict], Picture]


class Operation(NamedTuple):
    """One operation: (strength, generator) -> level; (image, level, how) -> image."""

    level: Level
    apply: Apply


# ----------------------------------------------------------------------------- levels


def signed(value: float, rng: Generator) -> float:
    """`value`, or minus it with probability one half."""
    if rng.random() > 0.5:
        return -value
    return value


def no_level(strength: float, rng: Generator) -> float:
    return 0


def signed_up_to(most: float) -> Level:
    """Up to `most` in either direction."""

    def level(strength: float, rng: Generator) -> float:
        value = most * strength / FULL
        return signed(value, rng)

    return level


def posterize_bits(strength: float, rng: Generator) -> float:
    # the bits that are left: none at a strength of 0
    return int(4 * strength / FULL)


def increasing_posterize_bits(strength: float, rng: Generator) -> float:
    return 4 - posterize_bits(strength, rng)


def solarize_threshold(strength: float, rng: Generator) -> float:
    threshold = int(LEVELS * strength / FULL)
    return min(LEVELS, threshold)


def increasing_solarize_threshold(strength: float, rng: Generator) -> float:
    return LEVELS - solarize_threshold(strength, rng)


def solarize_amount(strength: float, rng: Generator) -> float:
    amount = int(110 * strength / FULL)
    return min(128, amount)


def enhance_level(strength: float, rng: Generator) -> float:
    return 0.1 + 1.8 * strength / FULL


def increasing_enhance_level(strength: float, rng: Generator) -> float:
    change = 0.9 * strength / FULL
    factor = 1 + signed(change, rng)
    return max(0.1, factor)


# ------------------------------------------------------------------------- operations


def auto_contrast(image: Picture, level: float, how: dict) -> Picture:
    return ImageOps.autocontrast(image)


def equalize(image: Picture, level: float, how: dict) -> Picture:
    return ImageOps.equalize(image)


def invert(image: Picture, level: float, how: dict) -> Picture:
    return ImageOps.invert(image)


def rotate(image: Picture, degrees: float, how: dict) -> Picture:
    return image.rotate(degrees, **how)


def posterize(image: Picture, bits: float, how: dict) -> Picture:
    if bits == 0:
        # a black image, as Pillow gave before it refused 0 bits
        return image.point([0] * (3 * LEVELS))
    return ImageOps.posterize(image, int(bits))


def solarize(image: Picture, threshold: float, how: dict) -> Picture:
    return ImageOps.solarize(image, threshold)


def solarize_add(image: Picture, amount: float, how: dict) -> Picture:
    table = list(range(LEVELS))
    # only the darker half is lifted
    for value in range(128):
        lifted = value + int(amount)
        table[value] = min(LEVELS - 1, lifted)
    # the same table for each channel
    return image.point(table * 3)


def enhance(kind: type) -> Apply:
    """One of Pillow's four enhancers; a factor of 1 changes nothing."""

    def apply(image: Picture, factor: float, how: dict) -> Picture:
        enhancer = kind(image)
        return enhancer.enhance(factor)

    return apply


def shear_x(image: Picture, level: float, how: dict) -> Picture:
    matrix = (1, level, 0, 0, 1, 0)
    return _affine(image, matrix, how)


def shear_y(image: Picture, level: float, how: dict) -> Picture:
    matrix = (1, 0, 0, level, 1, 0)
    return _affine(image, matrix, how)


def translate_x(image: Picture, share: float, how: dict) -> Picture:
    pixels = share * image.width
    matrix = (1, 0, pixels, 0, 1, 0)
    return _affine(image, matrix, how)


def translate_y(image: Picture, share: float, how: dict) -> Picture:
    pixels = share * image.height
    matrix = (1, 0, 0, 0, 1, pixels)
    return _affine(image, matrix, how)


def _affine(image: Picture, matrix: tuple[float, ...], how: dict) -> Picture:
    # the matrix maps a place in the result to one in the image: a, b, c, d, e, f of
    # (a x + b y + c, d x + e y + f)
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
