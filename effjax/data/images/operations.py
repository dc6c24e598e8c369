"""The fifteen operations of RandAugment, with timm's names, order and levels.

An operation is a pair: `level` turns a strength of 0 to 10 into what the operation takes, and
`apply` does it to an image, uint8 [H, W, 3]. Values are Pillow's, to the last bit.
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.random import Generator
from PIL import Image, ImageEnhance

from effjax.data.images.shifts import shift_columns, shift_rows

Pixels = np.ndarray  # uint8 [H, W, 3]
FULL = 10  # the strength at which a level reaches the end of its range
LEVELS = 256  # of a pixel
VALUES = np.arange(LEVELS)
SMOOTH = np.array([[1, 1, 1], [1, 5, 1], [1, 1, 1]], np.float32) / 13  # Pillow's kernel


class How(NamedTuple):
    """How operations that move pixels do it."""

    resample: Image.Resampling
    fill: tuple[int, int, int]  # the colour of what comes from outside


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


# ----------------------------------------------------------------- values by a table


def by_table(image: Pixels, table: np.ndarray) -> Pixels:
    """Each value replaced by its entry of a table [256], or of one a channel, [256, 3]."""
    table = np.clip(table, 0, LEVELS - 1)
    table = table.astype(np.uint8)
    if table.ndim == 2:
        # OpenCV takes tables of channels as an image of one row
        table = table[None]
    return cv2.LUT(image, table)


def auto_contrast(image: Pixels, level: float, how: How) -> Pixels:
    tables = []
    for channel in cv2.split(image):
        low, high, _, _ = cv2.minMaxLoc(channel)
        if high == low:
            tables.append(VALUES)
            continue
        scale = (LEVELS - 1) / (high - low)
        stretched = VALUES * scale - low * scale
        # cuts off what is behind the point, as Pillow does
        tables.append(stretched.astype(np.int64))
    return by_table(image, np.stack(tables, axis=-1))


def equalize(image: Pixels, level: float, how: How) -> Pixels:
    tables = []
    for channel in cv2.split(image):
        counts = cv2.calcHist([channel], [0], None, [LEVELS], [0, LEVELS]).ravel().astype(np.int64)
        last = counts[counts > 0][-1]
        step = (counts.sum() - last) // (LEVELS - 1)  # pixels that share a value
        if step == 0:  # of one value alone, or too small
            tables.append(VALUES)
            continue
        below = np.cumsum(counts) - counts
        tables.append((step // 2 + below) // step)
    return by_table(image, np.stack(tables, axis=-1))


def invert(image: Pixels, level: float, how: How) -> Pixels:
    return cv2.bitwise_not(image)


def posterize(image: Pixels, bits: float, how: How) -> Pixels:
    # 0 bits are a black image, as Pillow gave before it refused them
    lost = 2 ** (8 - int(bits)) - 1
    kept = VALUES & ~lost
    return by_table(image, kept)


def solarize(image: Pixels, threshold: float, how: How) -> Pixels:
    darker = threshold > VALUES
    inverse = LEVELS - 1 - VALUES
    table = np.where(darker, VALUES, inverse)
    return by_table(image, table)


def solarize_add(image: Pixels, amount: float, how: How) -> Pixels:
    # only the darker half is lifted
    darker = VALUES < 128
    lifted = VALUES + int(amount)
    table = np.where(darker, lifted, VALUES)
    return by_table(image, table)


def contrast(image: Pixels, factor: float, how: How) -> Pixels:
    grey = np.asarray(Image.fromarray(image).convert("L"))
    mean = int(grey.mean() + 0.5)
    return _enhance_from(mean, image, factor)


def brightness(image: Pixels, factor: float, how: How) -> Pixels:
    return _enhance_from(0, image, factor)


def _enhance_from(start: int, image: Pixels, factor: float) -> Pixels:
    """start + factor * (value - start), in float32 as Pillow blends."""
    away = (VALUES - start).astype(np.float32)
    change = np.float32(factor) * away
    table = np.float32(start) + change
    return by_table(image, table)


# ------------------------------------------------------- by Pillow, or as Pillow moves

# Turning pixels by NumPy, in float64, takes two to three times as long, and OpenCV rounds places.


def color(image: Pixels, factor: float, how: How) -> Pixels:
    picture = Image.fromarray(image)
    changed = ImageEnhance.Color(picture).enhance(factor)
    return np.asarray(changed)


def sharpness(image: Pixels, factor: float, how: How) -> Pixels:
    # No sum of the kernel lies half way between two values, so that every way to round agrees.
    smooth = cv2.filter2D(image, -1, SMOOTH)
    # Pillow leaves the pixels at the border as they are.
    for border in (np.s_[:1], np.s_[-1:], np.s_[:, :1], np.s_[:, -1:]):
        smooth[border] = image[border]
    blended = Image.blend(Image.fromarray(smooth), Image.fromarray(image), factor)
    return np.asarray(blended)


def rotate(image: Pixels, degrees: float, how: How) -> Pixels:
    picture = Image.fromarray(image)
    turned = picture.rotate(degrees, how.resample, fillcolor=how.fill)
    return np.asarray(turned)


def shear_x(image: Pixels, level: float, how: How) -> Pixels:
    return shift_rows(image, level, 0, how.resample, how.fill)


def shear_y(image: Pixels, level: float, how: How) -> Pixels:
    return shift_columns(image, level, 0, how.resample, how.fill)


def translate_x(image: Pixels, share: float, how: How) -> Pixels:
    pixels = share * image.shape[1]
    return shift_rows(image, 0, pixels, how.resample, how.fill)


def translate_y(image: Pixels, share: float, how: How) -> Pixels:
    pixels = share * image.shape[0]
    return shift_columns(image, 0, pixels, how.resample, how.fill)


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
