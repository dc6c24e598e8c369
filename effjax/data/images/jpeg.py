"""JPEG bytes -> uint8 RGB pixels [H, W, 3], upright: whole, in eighths, or only a box."""

import numpy as np

from effjax.data.images.orientation import SIDEWAYS, UPRIGHT, jpeg_orientation, upright
from effjax.data.images.random_crop import Box
from effjax.data.images.region import decode_region
from effjax.errors import printable

JPEG = b"\xff\xd8"
BASELINE = (0xC0, 0xC1)  # frames whose rows come one after another
OTHER_FRAMES = (0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
DAMAGE = ("corrupt", "premature", "bogus", "invalid")  # words of the decoder's warnings


def decode_jpeg(
    data: bytes, fast: bool = False, enough: tuple[int, int] | None = None
) -> np.ndarray:
    """A JPEG as `decode` gives it.

    Raises:
      ValueError: CMYK, or damage, also where a decoder could go on with wrong colours.
    """
    import simplejpeg

    height, width = enough or (0, 0)
    orientation = jpeg_orientation(data)
    if orientation in SIDEWAYS:
        height, width = width, height
    pixels = simplejpeg.decode_jpeg(
        data,
        "RGB",
        fastdct=fast,
        fastupsample=fast,
        min_height=height,
        min_width=width,
    )
    return upright(pixels, orientation)


def jpeg_damage(data: bytes) -> str | None:
    """What the decoder warns of in a JPEG, such as overwritten bytes; None for a sound one.

    Many decoders read on: such an image has wrong colours from some row on.
    """
    if data[:2] != JPEG:
        return None
    try:
        # the smallest image: all of the file is read, little is computed
        decode_jpeg(data, fast=True, enough=(1, 1))
    except ValueError as error:
        text = str(error)
        if any(word in text.lower() for word in DAMAGE):
            return printable(text)
    return None


def decode_box(data: bytes, box: Box, out: np.ndarray) -> np.ndarray:
    """The box (top, left, height, width) of a JPEG that `plain_size` knows, as with fast=True.

    Damage elsewhere is not noticed: `decode_jpeg` must have taken the file before.

    Args:
      out: uint8, one axis: where the pixels may go.

    Returns:
      uint8 [height, width, 3]: the same, whatever decoders are installed.

    Raises:
      ValueError: it is damaged.
    """
    pixels = decode_region(data, box, out)
    if pixels is None:
        top, left, height, width = box
        pixels = first_rows(data, top + height, out)[top:, left : left + width]
    return pixels


def first_rows(data: bytes, rows: int, out: np.ndarray) -> np.ndarray:
    """The upper `rows` rows of a JPEG that `plain_size` knows, decoded as with fast=True.

    The file's header says its height: with a smaller one the decoder stops early. A file that is
    damaged below is not noticed, so it must have been decoded as a whole before.

    Args:
      out: uint8, one axis: where the pixels go.

    Returns:
      uint8 [rows, W, 3], in the memory of `out` if that is large enough.
    """
    import simplejpeg

    at = _find_frame(data) + 5
    shorter = data[:at] + rows.to_bytes(2, "big") + data[at + 2 :]
    width = int.from_bytes(data[at + 2 : at + 4], "big")
    buffer = out if out.size >= rows * width * 3 else None
    # not strict: what comes after the last row counts as a mistake
    return simplejpeg.decode_jpeg(
        shorter, "RGB", fastdct=True, fastupsample=True, buffer=buffer, strict=False
    )


def jpeg_size(data: bytes) -> tuple[int, int] | None:
    """(height, width) of any JPEG, upright; None for other files."""
    import simplejpeg

    if data[:2] != JPEG:
        return None
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return (width, height) if jpeg_orientation(data) in SIDEWAYS else (height, width)


def plain_size(data: bytes, enough: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """(height, width) of a JPEG whose rows come one after another, upright; None for all others.

    Also None where `decode` would make the image smaller for `enough`.
    """
    at = _find_frame(data)
    if at < 0 or jpeg_orientation(data) != UPRIGHT:
        return None
    height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
    # the first step is seven eighths
    if enough is not None and 7 * height >= 8 * enough[0] and 7 * width >= 8 * enough[1]:
        return None
    return height, width


def _find_frame(data: bytes) -> int:
    """Where a baseline JPEG's frame header starts; -1 for other files.

    There stand the marker (2 bytes), length (2), precision (1), height (2), width (2) and the
    number of components (1).
    """
    at, end = 2, len(data) - 9
    if data[:2] != JPEG:
        return -1
    while at < end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in BASELINE:
            components = data[at + 9]
            return at if components in (1, 3) else -1  # 4: CMYK
        if marker in OTHER_FRAMES:
            return -1  # progressive and rarer kinds
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1
