"""Samples as files: a sheet of pictures, and the `.npz` that other programs read.

Shapes: n samples, H W space, C channels.
"""

from pathlib import Path

import numpy as np

GAP = 2  # pixels between pictures
SHORT_SIDE = 64  # smaller pictures are enlarged to at least this
WHITE = 255


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """uint8 [n, H, W, C] -> uint8 [., ., 3]: row by row, white where there is none."""
    count, height, width, channels = images.shape
    if channels == 1:
        images = np.repeat(images, 3, -1)
    factor = max(1, -(-SHORT_SIDE // min(height, width)))  # whole pixels stay sharp
    images = images.repeat(factor, 1).repeat(factor, 2)
    height, width = height * factor, width * factor
    rows = -(-count // columns)
    page = np.full((rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, 3), WHITE, np.uint8)
    for number, image in enumerate(images):
        top = number // columns * (height + GAP)
        left = number % columns * (width + GAP)
        page[top : top + height, left : left + width] = image[..., :3]
    return page


def write_sheet(path: Path, images: np.ndarray, columns: int) -> None:
    """A PNG of `sheet`."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(sheet(images, columns)).save(path, format="PNG")


def write_npz(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """`arr_0` uint8 [n, H, W, C] and `arr_1` labels, as the evaluation of ADM and DiT reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, arr_0=images, arr_1=labels)
