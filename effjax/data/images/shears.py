"""Images whose rows or columns are moved sideways, each by its own distance, as Pillow moves them.

Pillow's affine transformation takes a place in the image for every pixel. In a shear all pixels of
a row move by one distance, so that a row is a sum of two or four shifted copies.

Shapes: H W the image, T = 2 (bilinear) or 4 (bicubic) copies in a sum, N values that are computed
again.
"""

import functools

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided

from effjax.data.images.interpolation import (
    TAPS,
    Colour,
    Pixels,
    Resampling,
    interpolate,
    is_undecided,
    transform_reference,
)
from effjax.data.images.rounding import cut_off, settle

CHANNELS = 3
_BORDER = 2  # pixels beyond the image that a bicubic sum takes in
# Sums of so many rows of 224 pixels stay in the cache, and malloc need not ask for fresh pages.
_BAND = 32


def shear_rows(image: Pixels, slope: float, resample: Resampling, fill: Colour) -> Pixels:
    """[H, W, 3] whose pixel (x, y) is that at (x + slope (y + 1/2), y), or else `fill`.

    Args:
      resample: how values between pixels are found. Pillow does what is neither bilinear nor
        bicubic.
    """
    height, width, _ = image.shape
    distances = slope * (np.arange(height) + 0.5)  # [H]
    if resample not in TAPS or is_undecided(distances):
        return shear_rows_reference(image, slope, resample, fill)

    taps = TAPS[resample]
    whole = np.floor(distances).astype(np.int64)
    shares = distances - whole
    copies = _from(image, whole - (taps // 2 - 1), width + taps - 1)

    def exact(places: np.ndarray) -> np.ndarray:
        row, cell = np.divmod(places, CHANNELS * width)
        values = [copies[row, cell + CHANNELS * tap].astype(float) for tap in range(taps)]
        # in the order in which Pillow rounds
        place = (cell // CHANNELS + 0.5) + slope * (row + 0.5) - 0.5
        return interpolate(place - np.floor(place), *values)

    low, high = _cut_sums(copies, shares, taps)
    sheared = settle(low, high, _differ(copies, taps), exact).reshape(image.shape)
    cv2.copyTo(_filled(image.shape, fill), _outside(distances, width), sheared)
    return sheared


def shear_columns(image: Pixels, slope: float, resample: Resampling, fill: Colour) -> Pixels:
    """[H, W, 3] whose pixel (x, y) is that at (x, y + slope (x + 1/2)), or else `fill`."""
    turned = shear_rows(cv2.transpose(image), slope, resample, fill)
    return cv2.transpose(turned)


def shear_rows_reference(image: Pixels, slope: float, resample: Resampling, fill: Colour) -> Pixels:
    """`shear_rows` by Pillow."""
    return transform_reference(image, (1, slope, 0, 0, 1, 0), resample, fill)


def _from(image: Pixels, first: np.ndarray, length: int) -> np.ndarray:
    """[H, 3 length]: each row from column `first` [H] on; the border goes on for two pixels.

    What lies farther outside is any part of the image: none of it is in the result.
    """
    height = len(image)
    # a row above and one below, as the memory from a column outside on is that of another row
    padded = cv2.copyMakeBorder(image, 1, 1, _BORDER, _BORDER, cv2.BORDER_REPLICATE)
    row = CHANNELS * padded.shape[1]
    size = CHANNELS * length
    starts = row * np.arange(1, height + 1) + CHANNELS * (first + _BORDER)
    windows = as_strided(padded, (padded.size - size + 1, size), (1, 1), writeable=False)
    # rows that lie outside as a whole may begin anywhere
    return windows[starts.clip(0, len(windows) - 1)]


def _cut_sums(copies: np.ndarray, shares: np.ndarray, taps: int) -> tuple[np.ndarray, np.ndarray]:
    """What sums are at least and at most (see `cut_off`), [H, 3 W], of copies [H, 3 (W + T - 1)].

    Args:
      shares: how far a place lies behind the first of two pixels, the second of four; [H].
    """
    height, length = copies.shape
    size = length - CHANNELS * (taps - 1)
    low = np.empty((height, size), np.uint8)
    high = np.empty((height, size), np.uint8)
    sums_of = _lines if taps == 2 else _cubics
    for top in range(0, height, _BAND):
        band = slice(top, top + _BAND)
        sums = sums_of(copies[band], shares[band])
        cut_off(sums[:, :size], low[band], high[band])
    return low, high


def _differ(copies: np.ndarray, taps: int) -> np.ndarray:
    """uint8 [H, 3 W], 0 where all values of a sum are equal."""
    size = copies.shape[1] - CHANNELS * (taps - 1)
    changes = cv2.compare(copies[:, CHANNELS:], copies[:, :-CHANNELS], cv2.CMP_NE)
    differ = changes[:, :size]
    for tap in range(1, taps - 1):
        differ = cv2.bitwise_or(differ, changes[:, CHANNELS * tap : CHANNELS * tap + size])
    return differ


def _lines(copies: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sums of two values, float32, in the first 3 W columns of an array [H, 3 (W + 1)]."""
    values, slopes = _values_and_slopes(copies)
    slopes *= shares[:, None].astype(np.float32)
    slopes += values
    return slopes


def _cubics(copies: np.ndarray, shares: np.ndarray) -> np.ndarray:
    """Sums of four values, float32, in the first 3 W columns of an array [H, 3 (W + 3)].

    Between the middle two lies a straight line, which the slopes on either side bend.
    """
    values, slopes = _values_and_slopes(copies)
    d = shares[:, None].astype(np.float32)
    sums = slopes * (d * (1 - d) ** 2)
    long_sums = sums.reshape(-1)
    line = slopes * d
    line += values
    long_sums[:-CHANNELS] += line.reshape(-1)[CHANNELS:]
    after = np.multiply(slopes, d * d * (1 - d), out=line)
    long_sums[: -2 * CHANNELS] -= after.reshape(-1)[2 * CHANNELS :]
    return cv2.max(sums, 0, sums)


def _values_and_slopes(copies: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """float32: the copies, and for each value the step from it to the next pixel."""
    values = copies.astype(np.float32)
    slopes = np.empty_like(values)
    # Neighbours meet in one long row, in half the time: only the last columns of rows are wrong.
    long_values, long_slopes = values.reshape(-1), slopes.reshape(-1)
    np.subtract(long_values[CHANNELS:], long_values[:-CHANNELS], out=long_slopes[:-CHANNELS])
    long_slopes[-CHANNELS:] = 0
    return values, slopes


def _outside(distances: np.ndarray, width: int) -> np.ndarray:
    """uint8 [H, W], not 0 where a row at one of the distances [H] comes from outside the image."""
    first = np.ceil(-distances - 0.5)[:, None]
    end = np.ceil(width - distances - 0.5)[:, None]
    columns = np.arange(width, dtype=np.int16)
    before = columns < first.clip(0, width).astype(np.int16)
    behind = columns >= end.clip(0, width).astype(np.int16)
    return (before | behind).view(np.uint8)


@functools.lru_cache(maxsize=4)
def _filled(shape: tuple[int, ...], fill: Colour) -> Pixels:
    return np.full(shape, fill, np.uint8)
