"""Random boxes of an image, windows of a padded one, and flips.

Shapes: B examples, H W the output; every image is uint8 [., ., 3].
"""

import math
from collections.abc import Sequence

import numpy as np

TRIES = 10  # boxes that are drawn until one fits
BOX = 2 * TRIES + 2  # uniform numbers for a random box

Box = tuple[int, int, int, int]  # top, left, height, width


def random_box(
    uniform: Sequence[float],
    size: tuple[int, int],
    scale: tuple[float, float],
    ratio: tuple[float, float],
) -> Box:
    """A box inside an image of `size`, as in "Going deeper with convolutions" (arXiv:1409.4842).

    The area is uniform in `scale` times the image, width / height log-uniform in `ratio`. After ten
    boxes that do not fit: the largest centred box whose ratio is in the range.

    Args:
      uniform: BOX numbers in [0, 1): area and ratio for each try, then the place.
    """
    height, width = size
    smallest, largest = scale
    narrow = math.log(ratio[0])
    wide = math.log(ratio[1])
    pixels = height * width
    for k in range(0, 2 * TRIES, 2):
        share = smallest + (largest - smallest) * uniform[k]
        aspect = math.exp(narrow + (wide - narrow) * uniform[k + 1])
        area = pixels * share
        w = round(math.sqrt(area * aspect))
        h = round(math.sqrt(area / aspect))
        # a very narrow box may round to nothing
        fits_across = 0 < w <= width
        fits_down = 0 < h <= height
        if fits_across and fits_down:
            y, x = uniform[2 * TRIES :]
            rows = height - h + 1
            columns = width - w + 1
            return int(y * rows), int(x * columns), h, w
    h = min(height, round(width / ratio[0]))
    w = min(width, round(height * ratio[1]))
    top = (height - h) // 2
    left = (width - w) // 2
    return top, left, h, w


def pad_crop(images: np.ndarray, top: np.ndarray, left: np.ndarray, pad: int) -> np.ndarray:
    """From each image with a black border of `pad` pixels a window of the image's own size.

    Args:
      images: [B, H, W, 3].
      top, left: [B] int, 0 to 2 * pad.
    """
    shape = images.shape[1:]
    none = (0, 0)
    border = (pad, pad)
    padded = np.pad(images, (none, border, border, none))
    # a view: nothing is copied until the windows are taken
    windows = np.lib.stride_tricks.sliding_window_view(padded, shape, axis=(1, 2, 3))
    every = np.arange(len(images))
    return windows[every, top, left, 0]


def flip(images: np.ndarray, left_right: np.ndarray, upside_down: np.ndarray) -> np.ndarray:
    """Flips in place those of [B, H, W, 3] that the two [B] bool choose."""
    import cv2

    for row in np.flatnonzero(left_right):
        # numpy would turn pixel by pixel, far more slowly
        cv2.flip(images[row], 1, dst=images[row])
    images[upside_down] = images[upside_down, ::-1]
    return images
