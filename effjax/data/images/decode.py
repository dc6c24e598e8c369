"""Encoded bytes -> uint8 RGB pixels [H, W, 3], upright, whatever the file's own colours are."""

import functools
import io
import warnings

import numpy as np

from effjax.data.images.region import decode_region
from effjax.errors import UserError

PNG = b"\x89PNG\r\n\x1a\n"
EXIF_ORIENTATION = 0x0112


def decode(data: bytes, fast: bool = False, enough: tuple[int, int] | None = None) -> np.ndarray:
    """Decodes an image file with the quickest decoder that understands it.

    simplejpeg for JPEG, OpenCV for plain PNG, Pillow for the rest. Grey becomes three equal
    channels, palettes and CMYK become RGB, 16-bit values their upper 8 bits, transparent pixels are
    laid over white, and the EXIF orientation is applied (an illegal one counts as upright).

    Args:
      data: the bytes of the file.
      fast: JPEG only: approximate inverse transform and chroma upsampling; for training.
      enough: (height, width); a JPEG may come out smaller, in eighths, but not below this size,
        which saves most of the work on pictures from a camera.

    Returns:
      uint8 [H, W, 3], red first.

    Raises:
      UserError: no decoder understands the bytes; the message says why, not which file.
    """
    pixels = decode_quickly(data, fast, enough)
    return decode_pillow(data) if pixels is None else pixels


def decode_quickly(
    data: bytes, fast: bool = False, enough: tuple[int, int] | None = None
) -> np.ndarray | None:
    """As `decode`, but None for what takes Pillow, such as a JPEG with some damage."""
    return _decode_jpeg(data, fast, enough) if data[:2] == b"\xff\xd8" else _decode_png(data)


def decode_box(data: bytes, box: tuple[int, int, int, int], out: np.ndarray) -> np.ndarray:
    """The box (top, left, height, width) of a JPEG that `plain_size` knows, as with fast=True.

    Damage elsewhere is not noticed: `decode_quickly` must have taken the file before.

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


def plain_size(data: bytes, enough: tuple[int, int] | None = None) -> tuple[int, int] | None:
    """(height, width) of a JPEG whose rows come one after another, upright; None for all others.

    Also None where `decode` would make the image smaller for `enough`.
    """
    at = _find_frame(data)
    if at < 0 or _exif_orientation(data) in range(2, 9):
        return None
    height, width = (int.from_bytes(data[at + i : at + i + 2], "big") for i in (5, 7))
    if enough is not None and 7 * height >= 8 * enough[0] and 7 * width >= 8 * enough[1]:
        return None
    return height, width


def _find_frame(data: bytes) -> int:
    """Where a baseline JPEG's frame header starts: marker, length, precision, height, width."""
    at, end = 2, len(data) - 9
    if data[:2] != b"\xff\xd8":
        return -1
    while at < end and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in (0xC0, 0xC1):
            return at if data[at + 9] in (1, 3) else -1  # not CMYK
        if 0xC2 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return -1  # progressive and rarer kinds
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1


def _decode_jpeg(data: bytes, fast: bool, enough: tuple[int, int] | None) -> np.ndarray | None:
    import simplejpeg

    height, width = enough or (0, 0)
    orientation = _exif_orientation(data)
    if orientation > 4:
        height, width = width, height
    try:
        pixels = simplejpeg.decode_jpeg(
            data, "RGB", fastdct=fast, fastupsample=fast, min_height=height, min_width=width
        )
    except ValueError:  # CMYK, or damaged: Pillow knows the one and words the other
        return None
    return upright(pixels, orientation)


def _exif_orientation(data: bytes) -> int:
    if data.find(b"Exif\0\0", 0, 4096) < 0:  # a quick no; looking into the tags takes longer
        return 1
    from PIL import Image

    return Image.open(io.BytesIO(data)).getexif().get(EXIF_ORIENTATION, 1)


def upright(pixels: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes an EXIF orientation: 2 to 4 mirror or turn by half, 5 to 8 also swap the sides."""
    if orientation in (5, 6, 7, 8):
        pixels = pixels.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def _decode_png(data: bytes) -> np.ndarray | None:
    """Grey or RGB with 8 bits and nothing else; None for any other file."""
    import cv2

    depth_and_colour = data[24:26]
    if data[:8] != PNG or depth_and_colour not in (b"\x08\x00", b"\x08\x02") or b"tRNS" in data:
        return None
    if b"eXIf" in data:
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:  # more pixels than it allows: Pillow words it
        return None


def decode_pillow(data: bytes) -> np.ndarray:
    """As `decode`, by Pillow, which understands most and takes longest."""
    from PIL import Image

    _expect_large_pictures()
    try:
        image = Image.open(io.BytesIO(data))
        orientation = image.getexif().get(EXIF_ORIENTATION, 1)
        return upright(_rgb(image), orientation)
    except (OSError, SyntaxError, ValueError, EOFError, Image.DecompressionBombError) as error:
        reason = str(error) if data else "the file is empty"
        raise UserError(reason.replace(" <_io.BytesIO object", "").split(" at 0x")[0]) from error


@functools.cache
def _expect_large_pictures() -> None:
    """Pillow warns of 89 megapixels, as of an attack; it still refuses twice as many."""
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)


def _rgb(image: "Image.Image") -> np.ndarray:  # noqa: F821
    """The pixels of any Pillow image as uint8 RGB."""
    from PIL import Image

    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels, which have no agreed white: save it with 8 or 16 bits")
    if image.mode.startswith("I;16"):
        grey = (np.asarray(image) >> 8).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB"))
