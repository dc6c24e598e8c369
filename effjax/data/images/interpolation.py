"""What Pillow's affine transformations make of the values around a place, and Pillow itself.

A place lies between two values (bilinear) or the middle two of four (bicubic).

Shapes: H W the image.
"""

import numpy as np
from PIL import Image

Pixels = np.ndarray  # uint8 [H, W, 3]
Colour = tuple[int, int, int]
Resampling = Image.Resampling

TAPS = {Resampling.BILINEAR: 2, Resampling.BICUBIC: 4}  # values around a place
BORDER = 2  # pixels beyond the image that a bicubic sum takes in
# Rows that are summed at once: a quarter of an image of 224 pixels. Their float32 sums take as much
# memory as the whole in uint8, which stays in the cache, and malloc need not ask for fresh pages.
BAND = 56
_UNDECIDED = 1e-6  # of a pixel


def interpolate(d: np.ndarray, *values: np.ndarray) -> np.ndarray:
    """The value `d` behind the first of two or the second of four, in Pillow's order of sums."""
    if len(values) == 2:
        start, stop = values
        return start + (stop - start) * d
    v1, v2, v3, v4 = values
    linear = -v1 + v3
    square = 2 * (v1 - v2) + v3 - v4
    cube = -v1 + v2 - v3 + v4
    return v2 + d * (linear + d * (square + d * cube))


def is_undecided(distances: np.ndarray) -> bool:
    """Whether a distance is so near a half or a whole pixel that rounding decides what is met."""
    doubled = 2 * distances
    return bool((np.abs(doubled - np.rint(doubled)) < _UNDECIDED).any())


def transform_reference(
    image: Pixels, matrix: tuple[float, ...], resample: Resampling, fill: Colour
) -> Pixels:
    """The image by Pillow, with `fill` for what comes from outside.

    Args:
      matrix: a b c d e f; the result at (x, y) is the image at (a x + b y + c, d x + e y + f).
    """
    picture = Image.fromarray(image)
    moved = picture.transform(
        picture.size, Image.Transform.AFFINE, matrix, resample, fillcolor=fill
    )
    return np.asarray(moved)
