"""Encoded bytes -> uint8 RGB pixels [H, W, 3], upright, whatever the file's own colours are."""

import functools
import io
import warnings
from typing import Any

import numpy as np

from effjax.data.images.jpeg import JPEG, decode_jpeg
from effjax.data.images.orientation import orientation_of, upright
from effjax.errors import UserError, printable

PNG = b"\x89PNG\r\n\x1a\n"
PNG_GREY, PNG_RGB = b"\x08\x00", b"\x08\x02"  # depth and kind of colour
# transparency, and three ways to state an orientation
PNG_EXTRAS = (b"tRNS", b"eXIf", b"XML:com.adobe.xmp", b"Raw profile type")
HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


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
    if data[:2] != JPEG:
        return _decode_png(data)
    try:
        return decode_jpeg(data, fast, enough)
    except ValueError:  # CMYK, or damaged: Pillow knows the one and words the other
        return None


def _decode_png(data: bytes) -> np.ndarray | None:
    """Grey or RGB with 8 bits and nothing else; None for any other file."""
    import cv2

    if data[:8] != PNG or data[24:26] not in (PNG_GREY, PNG_RGB):
        return None
    if any(extra in data for extra in PNG_EXTRAS):
        return None
    try:
        return cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
    except cv2.error:  # more pixels than it allows: Pillow words it
        return None


def decode_pillow(data: bytes) -> np.ndarray:
    """As `decode`, by Pillow, which understands most and takes longest.

    Raises:
      UserError: it does not understand the bytes; whatever Pillow's plug-ins raise.
    """
    from PIL import Image

    _prepare_pillow()
    if not data:
        raise UserError("the file is empty")
    try:
        image = Image.open(io.BytesIO(data))
        pixels = _rgb(image)
        # after the pixels: loading turns a TIFF by itself
        return upright(pixels, orientation_of(image))
    except MemoryError:
        raise
    except Exception as error:
        raise UserError(_reason(error, data)) from error


def _reason(error: Exception, data: bytes) -> str:
    """Why Pillow could not read the bytes, in one line."""
    if data[4:8] == b"ftyp" and data[8:12] in HEIF_BRANDS and not _read_heif():
        return "HEIC needs another package: pip install pillow-heif"
    text = str(error) or type(error).__name__
    # Pillow names the buffer, which says nothing
    text = text.replace(" <_io.BytesIO object", "").split(" at 0x")[0]
    return printable(text)


@functools.cache
def _prepare_pillow() -> None:
    """Once: formats of other packages, and no warning of large pictures.

    Pillow warns of 89 megapixels, as of an attack; it still refuses twice as many.
    """
    from PIL import Image

    warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
    _read_heif()


@functools.cache
def _read_heif() -> bool:
    """Whether Pillow reads HEIC now, through the package pillow-heif."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True


def _rgb(image: Any) -> np.ndarray:
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
