"""Images whose rows or columns are moved sideways, each by its own distance, as Pillow moves them.

Pillow's affine transformation takes a place in the image for every pixel. Where only one axis
moves, all pixels of a row share one distance, so that a row is a sum of four shifted copies. The
sums are taken in float32. Pillow cuts off what is behind the point of its sums in float64: the few
pixels whose sum is too near a whole number to be sure are computed again as Pillow does.

Shapes: H W the image, T = 4 copies in a sum, N pixels that are computed again.
"""

import functools

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from PIL import Image

Pixels = np.ndarray  # uint8 [H, W, 3]
Colour = tuple[int, int, int]
CHANNELS = 3

# Distances this near a half or a whole pixel are left to Pillow: rounding decides what is met.
_UNDECIDED = 1e-6
# A float32 sum of four values up to 255, with weights up to 1, is wrong by less than a third of it.
_UNSURE = 1e-3
# Sums of so many rows of 224 pixels stay in the cache, and malloc need not ask for fresh pages.
_BAND = 32


def shift_rows(
    image: Pixels, slope: float, offset: float, resample: Image.Resampling, fill: Colour
) -> Pixels:
    """[H, W, 3] whose pixel (x, y) is that at (x + slope (y + 1/2) + offset, y), or else `fill`.

    Args:
      resample: how values between pixels are found. Pillow does what is not bicubic: in a
        bilinear sum of two copies it is as fast.
    """
    height, width, _ = image.shape
    distances = slope * (np.arange(height) + 0.5) + offset  # [H]
    undecided = np.abs(2 * distances - np.rint(2 * distances)) < _UNDECIDED
    if resample != Image.Resampling.BICUBIC or undecided.any():
        return shift_rows_reference(image, slope, offset, resample, fill)

    whole = np.floor(distances).astype(np.int64)
    weights = _cubic_weights(distances - whole).astype(np.float32)  # [T, H]
    copies = _from(image, whole - 1, width + 3)  # the cells of copy t: 3 t to 3 (t + W)
    size = CHANNELS * width
    moved = np.empty((height, size), np.uint8)
    unsure = np.empty((height, size), bool)
    for top in range(0, height, _BAND):
        band = slice(top, top + _BAND)
        moved[band], unsure[band] = _sums(copies[band], weights[:, band], size)

    again = np.flatnonzero(unsure)  # [N]
    row, cell = np.divmod(again, size)
    # in the order in which Pillow rounds
    place = (cell // CHANNELS + 0.5) + slope * (row + 0.5)
    place = place + offset - 0.5
    values = [copies[row, cell + CHANNELS * tap].astype(float) for tap in range(4)]
    exact = _cubic(place - np.floor(place), *values)
    moved.reshape(-1)[again] = np.clip(exact, 0, 255)

    outside = _outside(distances, width)
    moved = moved.reshape(image.shape)
    return cv2.copyTo(_filled(image.shape, fill), outside.view(np.uint8), moved)


def shift_columns(
    image: Pixels, slope: float, offset: float, resample: Image.Resampling, fill: Colour
) -> Pixels:
    """[H, W, 3] whose pixel (x, y) is that at (x, y + slope (x + 1/2) + offset), or else `fill`."""
    if resample != Image.Resampling.BICUBIC:
        return _by_pillow(image, (1, 0, 0, slope, 1, offset), resample, fill)
    turned = shift_rows(cv2.transpose(image), slope, offset, resample, fill)
    return cv2.transpose(turned)


def shift_rows_reference(
    image: Pixels, slope: float, offset: float, resample: Image.Resampling, fill: Colour
) -> Pixels:
    """`shift_rows` by Pillow."""
    return _by_pillow(image, (1, slope, offset, 0, 1, 0), resample, fill)


def _by_pillow(
    image: Pixels, matrix: tuple[float, ...], resample: Image.Resampling, fill: Colour
) -> Pixels:
    """The matrix maps a place in the result to one in the image.

    It is a, b, c, d, e, f of (a x + b y + c, d x + e y + f).
    """
    picture = Image.fromarray(image)
    way = Image.Transform.AFFINE
    moved = picture.transform(picture.size, way, matrix, resample, fillcolor=fill)
    return np.asarray(moved)


def _from(image: Pixels, first: np.ndarray, length: int) -> np.ndarray:
    """[H, 3 length]: each row from column `first` [H] on; beyond the border its last pixels."""
    height, width, _ = image.shape
    left = max(0, -int(first.min()))
    right = max(0, int(first.max()) + length - width)
    padded = cv2.copyMakeBorder(image, 0, 0, left, right, cv2.BORDER_REPLICATE)
    row = CHANNELS * padded.shape[1]
    size = CHANNELS * length
    starts = row * np.arange(height) + CHANNELS * (first + left)
    windows = as_strided(padded, (padded.size - size + 1, size), (1, 1), writeable=False)
    return windows[starts]


def _sums(copies: np.ndarray, weights: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(values cut off behind the point, which of them are unsure), of a band of rows."""
    values = copies.astype(np.float32)
    total = values[:, :size] * weights[0, :, None]
    differ = np.zeros(total.shape, bool)
    for tap in range(1, 4):
        at = slice(CHANNELS * tap, CHANNELS * tap + size)
        before = slice(at.start - CHANNELS, at.stop - CHANNELS)
        total += values[:, at] * weights[tap, :, None]
        differ |= copies[:, at] != copies[:, before]
    away = np.abs(total - np.rint(total))
    # the sum of equal values is that value, however it is rounded
    unsure = (away < 1.5 * _UNSURE) & differ
    total += _UNSURE
    return np.clip(total, 0, 255, out=total).astype(np.uint8), unsure


def _outside(distances: np.ndarray, width: int) -> np.ndarray:
    """[H, W]: what comes from beyond the border."""
    first = np.ceil(-distances - 0.5)[:, None].astype(np.float32)
    end = np.ceil(width - distances - 0.5)[:, None].astype(np.float32)
    columns = np.arange(width, dtype=np.float32)
    return (columns < first) | (columns >= end)


@functools.lru_cache(maxsize=4)
def _filled(shape: tuple[int, ...], fill: Colour) -> Pixels:
    return np.full(shape, fill, np.uint8)


# Pillow's cubic; `d` is how far a place lies behind the second pixel of four.


def _cubic_weights(d: np.ndarray) -> np.ndarray:
    first = d * (-1 + d * (2 - d))
    second = 1 + d * d * (d - 2)
    third = d * (1 + d * (1 - d))
    fourth = d * d * (d - 1)
    return np.stack([first, second, third, fourth])


def _cubic(
    d: np.ndarray, v1: np.ndarray, v2: np.ndarray, v3: np.ndarray, v4: np.ndarray
) -> np.ndarray:
    """The same by Horner's rule, in Pillow's order."""
    linear = -v1 + v3
    square = 2 * (v1 - v2) + v3 - v4
    cube = -v1 + v2 - v3 + v4
    return v2 + d * (linear + d * (square + d * cube))
