"""Images moved along one axis by any number of pixels, as Pillow moves them.

All pixels move by one distance, so that the result is a sum of two or four slices of the image,
with weights that are the same everywhere.

Shapes: H W the image, L rows or columns of the result that come from inside the image, T = 2
(bilinear) or 4 (bicubic) values in a sum, N values that are computed again.
"""

import itertools
import math

import cv2
import numpy as np

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
from effjax.data.images.rounding import cut_blend, cut_off, settle


def translate(
    image: Pixels, offset: float, axis: int, resample: Resampling, fill: Colour
) -> Pixels:
    """[H, W, 3] whose pixel at p is that at p + `offset` along the axis, or else `fill`.

    Args:
      axis: 0 moves along the height, 1 along the width.
      resample: how values between pixels are found. Pillow does what is neither bilinear nor
        bicubic.
    """
    if resample not in TAPS or is_undecided(np.array([offset])):
        return translate_reference(image, offset, axis, resample, fill)

    # rows or columns first to end come from inside the image
    length = image.shape[axis]
    first = max(0, math.ceil(-offset - 0.5))
    end = min(length, math.ceil(length - offset - 0.5))
    if first >= end:
        return np.full(image.shape, fill, np.uint8)
    taps = TAPS[resample]
    region = _region(image, offset, first, end, axis, taps)
    slices = _slices(region, axis, taps)

    def exact(places: np.ndarray) -> np.ndarray:
        index = np.unravel_index(places, slices[0].shape)
        values = [part[index].astype(float) for part in slices]
        # in the order in which Pillow rounds
        place = (first + index[axis] + 0.5) + offset - 0.5
        return interpolate(place - np.floor(place), *values)

    share = offset - math.floor(offset)
    if taps == 2:
        low, high = cut_blend(*slices, share)
    else:
        low, high = _cut_cubic(region, share, axis)
    moved = settle(low, high, _differ(slices), exact)
    return _framed(moved, image.shape, first, axis, fill)


def translate_reference(
    image: Pixels, offset: float, axis: int, resample: Resampling, fill: Colour
) -> Pixels:
    """`translate` by Pillow."""
    along_height = (1, 0, 0, 0, 1, offset)
    along_width = (1, 0, offset, 0, 1, 0)
    matrix = along_width if axis else along_height
    return transform_reference(image, matrix, resample, fill)


def _region(image: Pixels, offset: float, first: int, end: int, axis: int, taps: int) -> np.ndarray:
    """The part of the image, L + T - 1 long, from which rows or columns first to end come.

    Beyond the border the image goes on with its last pixels.
    """
    border = [0, 0]
    border[axis] = BORDER
    rows, columns = border
    padded = cv2.copyMakeBorder(image, rows, rows, columns, columns, cv2.BORDER_REPLICATE)
    # a place lies behind the first of two values, the second of four
    start = BORDER + first + math.floor(offset) - (taps // 2 - 1)
    return _part(padded, start, start + end - first + taps - 1, axis)


def _part(image: Pixels, start: int, stop: int, axis: int) -> np.ndarray:
    """Rows or columns start to stop."""
    return image[:, start:stop] if axis else image[start:stop]


def _slices(region: np.ndarray, axis: int, taps: int) -> list[np.ndarray]:
    """The values of each sum: T slices, L long, one pixel after the other."""
    length = region.shape[axis] - (taps - 1)
    return [_part(region, tap, tap + length, axis) for tap in range(taps)]


def _cut_cubic(region: np.ndarray, share: float, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """What bicubic sums of a region, L + 3 long, are at least and at most (see `cut_off`)."""
    # a cubic of unit vectors is its weights
    weights = interpolate(share, *np.eye(4))
    kernel = weights[None] if axis else weights[:, None]
    more = len(weights) - 1
    more_rows = 0 if axis else more
    height = region.shape[0] - more_rows
    width = region.shape[1] - (more if axis else 0)
    low = np.empty((height, 3 * width), np.uint8)
    high = np.empty((height, 3 * width), np.uint8)
    for top in range(0, height, BAND):
        band = slice(top, top + BAND)
        # float32 for OpenCV, too: its sums of uint8 are off by up to one value
        pixels = region[top : top + BAND + more_rows].astype(np.float32)
        # a sum begins at its pixel
        sums = cv2.filter2D(pixels, -1, kernel, anchor=(0, 0))
        sums = sums[: len(low[band]), :width].reshape(-1, 3 * width)
        cut_off(cv2.max(sums, 0), low[band], high[band])
    return low.reshape(height, width, 3), high.reshape(height, width, 3)


def _differ(slices: list[np.ndarray]) -> np.ndarray:
    """uint8, 0 where all values of a sum are equal."""
    differ = np.zeros(slices[0].shape, np.uint8)
    for before, after in itertools.pairwise(slices):
        changes = cv2.compare(before, after, cv2.CMP_NE)
        differ = cv2.bitwise_or(differ, changes, differ)
    return differ


def _framed(moved: Pixels, shape: tuple[int, ...], first: int, axis: int, fill: Colour) -> Pixels:
    """`moved` from `first` on, in an image of that shape; `fill` before and after it."""
    before = [0, 0]
    before[axis] = first
    top, left = before
    bottom = shape[0] - top - moved.shape[0]
    right = shape[1] - left - moved.shape[1]
    return cv2.copyMakeBorder(moved, top, bottom, left, right, cv2.BORDER_CONSTANT, value=fill)
