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
    BAND,
    BORDER,
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
    padded = cv2.copyMakeBorder(image, 1, 1, BORDER, BORDER, cv2.BORDER_REPLICATE)
    row = CHANNELS * padded.shape[1]
    size = CHANNELS * length
    starts = row * np.arange(1, height + 1) + CHANNELS * (first + BORDER)
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
    # lines and cubics of unit vectors are their weights
    units = np.eye(taps)
    weights = interpolate(shares[:, None], *units).astype(np.float32)  # [H, T]
    low = np.empty((height, size), np.uint8)
    high = np.empty((height, size), np.uint8)
    for top in range(0, height, BAND):
        band = slice(top, top + BAND)
        values = copies[band].astype(np.float32)
        # NumPy adds the T products of a row while it lies in the innermost cache
        sums = np.einsum("yt,ytl->yl", weights[band], _shifted(values, taps))
        if taps == 4:
            # two weights of a cubic are negative
            cv2.max(sums, 0, sums)
        cut_off(sums, low[band], high[band])
    return low, high


def _shifted(values: np.ndarray, taps: int) -> np.ndarray:
    """[H, T, 3 W] of values [H, 3 (W + T - 1)]: each row T times, each time one pixel later."""
    height, length = values.shape
    size = length - CHANNELS * (taps - 1)
    row, cell = values.strides
    strides = (row, CHANNELS * cell, cell)
    # no copy; `as_strided` takes ten times as long to say it
    return np.ndarray((height, taps, size), values.dtype, values, strides=strides)


def _differ(copies: np.ndarray, taps: int) -> np.ndarray:
    """uint8 [H, 3 W], 0 where all values of a sum are equal."""
    size = copies.shape[1] - CHANNELS * (taps - 1)
    changes = cv2.compare(copies[:, CHANNELS:], copies[:, :-CHANNELS], cv2.CMP_NE)
    differ = changes[:, :size]
    for tap in range(1, taps - 1):
        differ = cv2.bitwise_or(differ, changes[:, CHANNELS * tap : CHANNELS * tap + size])
    return differ


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
