"""Which way up an image is: what a camera wrote into the file, undone once.

The result is that of Pillow's `ImageOps.exif_transpose` for every format and value.
"""

import io
from typing import Any

import numpy as np

EXIF_ORIENTATION = 0x0112
UPRIGHT = 1
SIDEWAYS = (5, 6, 7, 8)  # the stored height is the width that is meant
EXIF, XMP = b"Exif\0\0", b"http://ns.adobe.com/xap/1.0/"  # how the two start in a JPEG


def orientation_of(image: Any) -> int:
    """The orientation of a Pillow image, 1 to 8; what cannot be understood is upright.

    Pillow turns a TIFF when it loads the pixels, and then forgets the orientation: ask afterwards.
    """
    try:
        # EXIF comes first, then XMP; either may hold anything at all
        value = image.getexif().get(EXIF_ORIENTATION, UPRIGHT)
        return value if value in range(1, 9) else UPRIGHT
    except Exception:
        return UPRIGHT


def jpeg_orientation(data: bytes) -> int:
    """The orientation that the bytes of a JPEG state, wherever in its head they do."""
    if EXIF not in data and XMP not in data:  # a quick no: parsing the tags takes longer
        return UPRIGHT
    from PIL import Image

    try:
        return orientation_of(Image.open(io.BytesIO(data)))
    except Exception:  # damaged: the decoder says how
        return UPRIGHT


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes an EXIF orientation: 2 to 4 mirror or turn by half, 5 to 8 also swap the sides."""
    if orientation in SIDEWAYS:
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)
