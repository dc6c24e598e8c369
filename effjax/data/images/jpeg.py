"""JPEG bytes -> uint8 RGB pixels [H, W, 3], upright: whole, in eighths, or only a box."""

import numpy as np

from effjax.data.images.orientation import SIDEWAYS, UPRIGHT, jpeg_orientation, upright
from effjax.data.images.random_crop import Box
from effjax.data.images.region import decode_region
from effjax.errors import printable

JPEG = b"\xff\xd8"
BASELINE = (0xC0, 0xC1)  # frames whose rows come one after another
OTHER_FRAMES = (0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)
# where a frame header holds them, from its marker on
HEIGHT_AT = 5
WIDTH_AT = 7
COMPONENTS_AT = 9
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
        lower = text.lower()
        # other errors are of a file that is sound, such as CMYK
        is_damage = any(word in lower for word in DAMAGE)
        if is_damage:
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
        upper = first_rows(data, top + height, out)
        pixels = upper[top:, left : left + width]
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

    frame = _find_frame(data)
    before = data[: frame + HEIGHT_AT]
    after = data[frame + WIDTH_AT :]
    shorter = before + rows.to_bytes(2, "big") + after
    width = _two_bytes(data, frame + WIDTH_AT)
    buffer = None
    if out.size >= rows * width * 3:
        buffer = out
    return simplejpeg.decode_jpeg(
        shorter,
        "RGB",
        fastdct=True,
        fastupsample=True,
        buffer=buffer,
        strict=False,  # what comes after the last row counts as a mistake
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
    if jpeg_orientation(data) in SIDEWAYS:
        return width, height
    return height, width


def plain_size(data: bytes, enough: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """(height, width) of a JPEG whose rows come one after another, upright; None for all others.

    Also None where `decode` would make the image smaller for `enough`.
    """
    frame = _find_frame(data)
    if frame < 0 or jpeg_orientation(data) != UPRIGHT:
        return None
    height = _two_bytes(data, frame + HEIGHT_AT)
    width = _two_bytes(data, frame + WIDTH_AT)
    if enough is not None:
        least_height, least_width = enough
        # the first step is seven eighths
        is_higher = 7 * height >= 8 * least_height
        is_wider = 7 * width >= 8 * least_width
        if is_higher and is_wider:
            return None
    return height, width


def _find_frame(data: bytes) -> int:
    """Where a baseline JPEG's frame header starts; -1 for other files.

    There stand the marker (2 bytes), length (2), precision (1), height (2), width (2) and the
    number of components (1).
    """
    if data[:2] != JPEG:
        return -1
    at = 2
    end = len(data) - COMPONENTS_AT
    while at < end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in OTHER_FRAMES:
            return -1  # progressive and rarer kinds
        if marker in BASELINE:
            is_cmyk = data[at + COMPONENTS_AT] not in (1, 3)
            return -1 if is_cmyk else at
        # the length is that of the segment without its marker
        at += 2 + _two_bytes(data, at + 2)
    return -1


def _two_bytes(data: bytes, at: int) -> int:
    return int.from_bytes(data[at : at + 2], "big")
