"""Samples as files: a sheet of pictures, and the `.npz` that other programs read.

Shapes: n samples, H W space, C channels.
"""

import math
from pathlib import Path

import numpy as np

GAP = 2  # pixels between pictures
SHORT_SIDE = 64  # smaller pictures are enlarged to at least this
WHITE = 255


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """uint8 [n, H, W, C] -> uint8 [., ., 3]: row by row, white where there is none."""
    if images.shape[-1] == 1:
        images = images.repeat(3, axis=-1)
    images = _enlarged(images)
    count, height, width, _ = images.shape
    rows = math.ceil(count / columns)
    # no gap after the last picture
    page_height = rows * (height + GAP) - GAP
    page_width = columns * (width + GAP) - GAP
    page = np.full((page_height, page_width, 3), WHITE, np.uint8)
    for number, image in enumerate(images):
        row = number // columns
        column = number % columns
        top = row * (height + GAP)
        left = column * (width + GAP)
        # of more channels than a picture has, the first three
        page[top : top + height, left : left + width] = image[..., :3]
    return page


def _enlarged(images: np.ndarray) -> np.ndarray:
    """[n, H, W, C] by a whole factor, so that pixels stay sharp."""
    short = min(images.shape[1:3])
    factor = math.ceil(SHORT_SIDE / short)
    return images.repeat(factor, axis=1).repeat(factor, axis=2)


def write_sheet(path: Path, images: np.ndarray, columns: int) -> None:
    """A PNG of `sheet`."""
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    page = Image.fromarray(sheet(images, columns))
    page.save(path, format="PNG")


def write_npz(path: Path, images: np.ndarray, labels: np.ndarray) -> None:
    """`arr_0` uint8 [n, H, W, C] and `arr_1` labels, as the evaluation of ADM and DiT reads."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.savez(path, arr_0=images, arr_1=labels)
