"""The fifteen operations of RandAugment, with timm's names, order and levels.

An operation is a pair: `level` turns a strength of 0 to 10 into what the operation takes, and
`apply` does it to an image, uint8 [H, W, 3]. Values are Pillow's, to the last bit.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image

from effjax.data.images.interpolation import Colour, Pixels, Resampling
from effjax.data.images.rounding import blend
from effjax.data.images.shears import shear_columns, shear_rows
from effjax.data.images.translations import translate

FULL = 10  # the strength at which a level reaches the end of its range
LEVELS = 256  # of a pixel
VALUES = np.arange(LEVELS)
GREY = np.array([[19595, 38470, 7471, 32768]], np.float32) / 65536  # Pillow's weights, and a half
SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13  # Pillow's kernel


class How(NamedTuple):
    """How operations that move pixels do it."""

    resample: Resampling
    fill: Colour  # the colour of what comes from outside


Level = Callable[[float, Generator], float]
Apply = Callable[[Pixels, float, How], Pixels]


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


# -------------------------------------------------------------- values from values


def invert(image: Pixels, level: float, how: How) -> Pixels:
    return cv2.bitwise_not(image)


def posterize(image: Pixels, bits: float, how: How) -> Pixels:
    # 0 bits are a black image, as Pillow gave before it refused them
    lost = 2 ** (8 - int(bits)) - 1
    kept = np.uint8(LEVELS - 1 - lost)
    return image & kept


def solarize(image: Pixels, threshold: float, how: How) -> Pixels:
    # 255 where a value is inverted: by all of its bits
    last_dark = threshold - 1
    _, inverted = cv2.threshold(image, last_dark, LEVELS - 1, cv2.THRESH_BINARY)
    return cv2.bitwise_xor(image, inverted)


def solarize_add(image: Pixels, amount: float, how: How) -> Pixels:
    # only the darker half is lifted
    _, lift = cv2.threshold(image, 127, int(amount), cv2.THRESH_BINARY_INV)
    return cv2.add(image, lift)


# ----------------------------------------------------------------- values by a table


def by_table(image: Pixels, table: np.ndarray) -> Pixels:
    """Each value replaced by its entry of a table [256]."""
    table = np.clip(table, 0, LEVELS - 1)
    return cv2.LUT(image, table.astype(np.uint8))


def auto_contrast(image: Pixels, level: float, how: How) -> Pixels:
    return _by_channel(image, _stretching)


def equalize(image: Pixels, level: float, how: How) -> Pixels:
    return _by_channel(image, _equalizing)


def _by_channel(image: Pixels, table_of: Callable[[np.ndarray], np.ndarray | None]) -> Pixels:
    """Each channel by the table that it asks for; None leaves it as it is."""
    # three tables of one channel take half the time of one of three channels
    channels = []
    for channel in cv2.split(image):
        table = table_of(channel)
        channels.append(channel if table is None else by_table(channel, table))
    return cv2.merge(channels)


def _stretching(channel: np.ndarray) -> np.ndarray | None:
    """The table [256] that takes the darkest value to 0 and the brightest to 255."""
    low, high, _, _ = cv2.minMaxLoc(channel)
    is_full = low == 0 and high == LEVELS - 1
    if is_full or high == low:
        return None
    scale = (LEVELS - 1) / (high - low)
    # cut off behind the point, as Pillow does
    return VALUES * scale - low * scale


def _equalizing(channel: np.ndarray) -> np.ndarray | None:
    """The table [256] after which all values are about as frequent."""
    counts = cv2.calcHist([channel], [0], None, [LEVELS], [0, LEVELS]).ravel().astype(np.int64)
    last = counts[counts > 0][-1]
    step = (counts.sum() - last) // (LEVELS - 1)  # pixels that share a value
    if step == 0:  # of one value alone, or too small
        return None
    below = np.cumsum(counts) - counts
    return (step // 2 + below) // step


def contrast(image: Pixels, factor: float, how: How) -> Pixels:
    grey = _grey(image)
    total, *_ = cv2.sumElems(grey)
    mean = int(total / grey.size + 0.5)
    return _enhance_from(mean, image, factor)


def brightness(image: Pixels, factor: float, how: How) -> Pixels:
    return _enhance_from(0, image, factor)


def _enhance_from(start: int, image: Pixels, factor: float) -> Pixels:
    """start + factor * (value - start), in float32 as Pillow blends."""
    away = (VALUES - start).astype(np.float32)
    change = np.float32(factor) * away
    table = np.float32(start) + change
    return by_table(image, table)


# ------------------------------------------------- between an image and another one


def _grey(image: Pixels) -> np.ndarray:
    """[H, W], Pillow's "L"."""
    # below 256 a float32 holds every multiple of 2^-16
    sums = cv2.transform(image.astype(np.float32), GREY)
    return sums.astype(np.uint8)


def color(image: Pixels, factor: float, how: How) -> Pixels:
    grey = cv2.cvtColor(_grey(image), cv2.COLOR_GRAY2RGB)
    return blend(grey, image, factor)


def sharpness(image: Pixels, factor: float, how: How) -> Pixels:
    # No sum of the kernel lies half way between two values, so that every way to round agrees.
    smooth = cv2.filter2D(image, -1, SMOOTH)
    # Pillow leaves the pixels at the border as they are.
    for border in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        smooth[border] = image[border]
    return blend(smooth, image, factor)


# ------------------------------------------------------------------- pixels that move


def rotate(image: Pixels, degrees: float, how: How) -> Pixels:
    picture = Image.fromarray(image)
    turned = picture.rotate(degrees, how.resample, fillcolor=how.fill)
    return np.asarray(turned)


def shear_x(image: Pixels, level: float, how: How) -> Pixels:
    return shear_rows(image, level, how.resample, how.fill)


def shear_y(image: Pixels, level: float, how: How) -> Pixels:
    return shear_columns(image, level, how.resample, how.fill)


def translate_x(image: Pixels, share: float, how: How) -> Pixels:
    pixels = share * image.shape[1]
    return translate(image, pixels, 1, how.resample, how.fill)


def translate_y(image: Pixels, share: float, how: How) -> Pixels:
    pixels = share * image.shape[0]
    return translate(image, pixels, 0, how.resample, how.fill)


# the order counts: an operation is drawn by its number
BASE: dict[str, Operation] = {
    "AutoContrast": Operation(no_level, auto_contrast),
    "Equalize": Operation(no_level, equalize),
    "Invert": Operation(no_level, invert),
    "Rotate": Operation(signed_up_to(30), rotate),
    "Posterize": Operation(posterize_bits, posterize),
    "Solarize": Operation(solarize_threshold, solarize),
    "SolarizeAdd": Operation(solarize_amount, solarize_add),
    "Color": Operation(enhance_level, color),
    "Contrast": Operation(enhance_level, contrast),
    "Brightness": Operation(enhance_level, brightness),
    "Sharpness": Operation(enhance_level, sharpness),
    "ShearX": Operation(signed_up_to(0.3), shear_x),
    "ShearY": Operation(signed_up_to(0.3), shear_y),
    "TranslateXRel": Operation(signed_up_to(0.45), translate_x),
    "TranslateYRel": Operation(signed_up_to(0.45), translate_y),
}
# "inc1": the colour operations do more at a higher strength, as the others do in any case
INCREASING: dict[str, Operation] = BASE | {
    "Posterize": Operation(increasing_posterize_bits, posterize),
    "Solarize": Operation(increasing_solarize_threshold, solarize),
    "Color": Operation(increasing_enhance_level, color),
    "Contrast": Operation(increasing_enhance_level, contrast),
    "Brightness": Operation(increasing_enhance_level, brightness),
    "Sharpness": Operation(increasing_enhance_level, sharpness),
}
