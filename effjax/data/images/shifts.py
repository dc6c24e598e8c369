"""Images whose rows or columns are moved sideways, each by its own distance, as Pillow moves them.

Pillow's affine transformation takes a place in the image for every pixel. Where only one axis
moves, all pixels of a row share one distance, so that a row is a sum of two or four shifted copies.

Shapes: H W the image, L columns of it, T = 2 (bilinear) or 4 (bicubic) copies in a sum, N values
that are computed again.
"""

import functools

import cv2
import numpy as np
from numpy.lib.stride_tricks import as_strided
from PIL import Image

from effjax.data.images.rounding import cut_blend, cut_off, settle

Pixels = np.ndarray  # uint8 [H, W, 3]
Colour = tuple[int, int, int]
CHANNELS = 3

# Distances this near a half or a whole pixel are left to Pillow: rounding decides what is met.
_UNDECIDED = 1e-6
# Sums of so many rows of 224 pixels stay in the cache, and malloc need not ask for fresh pages.
_BAND = 32
_TAPS = {Image.Resampling.BILINEAR: 2, Image.Resampling.BICUBIC: 4}


def shift_rows(
    image: Pixels, slope: float, offset: float, resample: Image.Resampling, fill: Colour
) -> Pixels:
    """[H, W, 3] whose pixel (x, y) is that at (x + slope (y + 1/2) + offset, y), or else `fill`.

    Args:
      resample: how values between pixels are found. Pillow does what is neither bilinear nor
        bicubic.
    """
    height, width, _ = image.shape
    distances = slope * (np.arange(height) + 0.5) + offset  # [H]
    undecided = np.abs(2 * distances - np.rint(2 * distances)) < _UNDECIDED
    if resample not in _TAPS or undecided.any():
        return shift_rows_reference(image, slope, offset, resample, fill)

    # columns first to end of a row come from inside the image
    first = np.ceil(-distances - 0.5).clip(0, width).astype(np.int32)  # [H]
    end = np.ceil(width - distances - 0.5).clip(0, width).astype(np.int32)
    left = int(first.min())
    right = int(end.max())
    if left >= right:
        return _filled(image.shape, fill).copy()

    taps = _TAPS[resample]
    whole = np.floor(distances).astype(np.int64)
    copies = _from(image, whole + left - (taps // 2 - 1), right - left + taps - 1)

    def exact(places: np.ndarray) -> np.ndarray:
        row, cell = np.divmod(places, CHANNELS * (right - left))
        values = [copies[row, cell + CHANNELS * tap].astype(float) for tap in range(taps)]
        # in the order in which Pillow rounds
        place = (left + cell // CHANNELS + 0.5) + slope * (row + 0.5)
        place = place + offset - 0.5
        return _interpolate(place - np.floor(place), *values)

    low, high = _cut_sums(copies, distances - whole, taps)
    moved = settle(low, high, _differ(copies, taps), exact)
    return _framed(moved, image.shape, first, end, fill)


def shift_columns(
    image: Pixels, slope: float, offset: float, resample: Image.Resampling, fill: Colour
) -> Pixels:
    """[H, W, 3] whose pixel (x, y) is that at (x, y + slope (x + 1/2) + offset), or else `fill`."""
    turned = shift_rows(cv2.transpose(image), slope, offset, resample, fill)
    return cv2.transpose(turned)


def shift_rows_reference(
    image: Pixels, slope: float, offset: float, resample: Image.Resampling, fill: Colour
) -> Pixels:
    """`shift_rows` by Pillow."""
    # a place in the result (x, y) is (a x + b y + c, d x + e y + f) in the image
    matrix = (1, slope, offset, 0, 1, 0)
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


def _cut_sums(copies: np.ndarray, shares: np.ndarray, taps: int) -> tuple[np.ndarray, np.ndarray]:
    """What sums are at least and at most (see `cut_off`), [H, 3 L], of copies [H, 3 (L + T - 1)].

    Args:
      shares: how far a place lies behind the first of two pixels, the second of four; [H].
    """
    height, length = copies.shape
    size = length - CHANNELS * (taps - 1)
    is_translation = (shares == shares[0]).all()
    if is_translation and taps == 2:
        return cut_blend(copies[:, :size], copies[:, CHANNELS:], shares[0])

    low = np.empty((height, size), np.uint8)
    high = np.empty((height, size), np.uint8)
    for top in range(0, height, _BAND):
        band = slice(top, top + _BAND)
        if is_translation:
            sums = _filtered(copies[band], shares[0])
        else:
            sums = _sums(copies[band], shares[band], taps)
        cut_off(sums[:, :size], low[band], high[band])
    return low, high


def _differ(copies: np.ndarray, taps: int) -> np.ndarray:
    """uint8 [H, 3 L], 0 where all values of a sum are equal."""
    size = copies.shape[1] - CHANNELS * (taps - 1)
    changes = cv2.compare(copies[:, CHANNELS:], copies[:, :-CHANNELS], cv2.CMP_NE)
    differ = changes[:, :size]
    for tap in range(1, taps - 1):
        differ = cv2.bitwise_or(differ, changes[:, CHANNELS * tap : CHANNELS * tap + size])
    return differ


def _sums(copies: np.ndarray, shares: np.ndarray, taps: int) -> np.ndarray:
    """float32, of copies [H, 3 (L + T - 1)], in the first 3 L columns of an array of that shape.

    Between two values lies a straight line. A cubic bends it by the slopes on either side.
    """
    d = shares[:, None].astype(np.float32)
    values = copies.astype(np.float32)
    slopes = np.zeros_like(values)
    # Neighbours meet in one long row, in half the time: only the last columns of rows are wrong.
    long_values, long_slopes = values.reshape(-1), slopes.reshape(-1)
    np.subtract(long_values[CHANNELS:], long_values[:-CHANNELS], out=long_slopes[:-CHANNELS])
    if taps == 2:
        slopes *= d
        slopes += values
        return slopes

    sums = slopes * (d * (1 - d) ** 2)
    long_sums = sums.reshape(-1)
    line = slopes * d
    line += values
    long_sums[:-CHANNELS] += line.reshape(-1)[CHANNELS:]
    after = np.multiply(slopes, d * d * (1 - d), out=line)
    long_sums[: -2 * CHANNELS] -= after.reshape(-1)[2 * CHANNELS :]
    return cv2.max(sums, 0, sums)


def _filtered(copies: np.ndarray, share: float) -> np.ndarray:
    """`_sums` of four copies where all rows have one share."""
    # a cubic of unit vectors is its weights
    weights = _interpolate(share, *np.eye(4))
    # float32 for OpenCV, too: its sums of uint8 are off by up to one value
    pixels = copies.astype(np.float32).reshape(len(copies), -1, CHANNELS)
    # a sum begins at its pixel
    sums = cv2.filter2D(pixels, -1, weights[None], anchor=(0, 0))
    return cv2.max(sums, 0, sums).reshape(copies.shape)


def _framed(
    moved: np.ndarray, shape: tuple[int, ...], first: np.ndarray, end: np.ndarray, fill: Colour
) -> Pixels:
    """[H, W, 3]: `moved` from the least `first` on, with `fill` outside of columns first to end."""
    height, width, _ = shape
    moved = moved.reshape(height, -1, CHANNELS)
    left = int(first.min())
    columns = np.arange(left, left + moved.shape[1], dtype=np.int32)
    outside = (columns < first[:, None]) | (columns >= end[:, None])
    cv2.copyTo(_filled(moved.shape, fill), outside.view(np.uint8), moved)
    if moved.shape[1] == width:
        return moved
    framed = _filled(shape, fill).copy()
    framed[:, left : left + moved.shape[1]] = moved
    return framed


@functools.lru_cache(maxsize=4)
def _filled(shape: tuple[int, ...], fill: Colour) -> Pixels:
    return np.full(shape, fill, np.uint8)


def _interpolate(d: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """In Pillow's order; a place lies `d` behind the first of two values, the second of four."""
    if len(values) == 2:
        start, stop = values
        return start + (stop - start) * d
    v1, v2, v3, v4 = values
    linear = -v1 + v3
    square = 2 * (v1 - v2) + v3 - v4
    cube = -v1 + v2 - v3 + v4
    return v2 + d * (linear + d * (square + d * cube))
