"""A part of a JPEG by libturbojpeg 3, where this machine has it; Python packages decode whole ones.

The library is the system's, or the one in the wheel of the package turbojpeg (`pip install
effjax[jpeg]`). Only its documented C interface is called.
"""

import ctypes
import functools
import importlib.metadata

import numpy as np

NAMES = ("libturbojpeg.so.0", "libturbojpeg.dylib", "turbojpeg.dll")
DECOMPRESS = 1  # tj3Init's kind of instance
RGB = 0  # tj3Decompress8's order of colours
# parameters of tj3Set and tj3Get
SUBSAMPLING = 4
FAST_UPSAMPLING = 9
FAST_TRANSFORM = 10
UNIT_WIDTHS = (8, 16, 16, 8, 8, 32, 8)  # of what is coded together, by SUBSAMPLING: 444, 422, ...


class Region(ctypes.Structure):
    """The C interface's rectangle."""

    _fields_ = [(name, ctypes.c_int) for name in ("x", "y", "w", "h")]


def decode_region(
    data: bytes, box: tuple[int, int, int, int], out: np.ndarray
) -> np.ndarray | None:
    """The box (top, left, height, width) of a JPEG, decoded as `decode` does with fast=True.

    What lies outside is read, as the code has no other way in, but not transformed. Damage below
    the box is not noticed, so the file must have been decoded as a whole before.

    Args:
      box: inside the image.
      out: uint8, one axis: where the pixels go, if it is large enough.

    Returns:
      uint8 [height, width, 3], equal to that part of the whole, or None: there is no libturbojpeg
      3 here, or it does not take this file.
    """
    library = find_library()
    if library is None:
        return None
    # not kept for the next image: some versions then go by what is left of this one, and crash
    instance = library.tj3Init(DECOMPRESS)
    try:
        return _decode(library, instance, data, box, out)
    finally:
        library.tj3Destroy(instance)


def _decode(
    library: ctypes.CDLL,
    instance: int,
    data: bytes,
    box: tuple[int, int, int, int],
    out: np.ndarray,
) -> np.ndarray | None:
    top, left, height, width = box
    library.tj3Set(instance, FAST_UPSAMPLING, 1)
    library.tj3Set(instance, FAST_TRANSFORM, 1)
    if library.tj3DecompressHeader(instance, data, len(data)):
        return None
    kind = library.tj3Get(instance, SUBSAMPLING)
    if not 0 <= kind < len(UNIT_WIDTHS):
        return None
    before = left % UNIT_WIDTHS[kind]  # a region starts with a unit
    wide = before + width
    region = Region(left - before, top, wide, height)
    if library.tj3SetCroppingRegion(instance, region):
        return None
    need = height * wide * 3
    if out.size < need:
        out = np.empty(need, np.uint8)
    # a pitch of 0: rows without padding
    if library.tj3Decompress8(instance, data, len(data), out.ctypes.data, 0, RGB):
        return None
    pixels = out[:need].reshape(height, wide, 3)
    return pixels[:, before:]


@functools.cache
def find_library() -> ctypes.CDLL | None:
    """libturbojpeg with the interface of version 3, or None."""
    for name in (*NAMES, *_in_wheel()):
        try:
            library = ctypes.CDLL(name)
            library.tj3Init.restype = ctypes.c_void_p
            library.tj3Init.argtypes = [ctypes.c_int]
            library.tj3Destroy.argtypes = [ctypes.c_void_p]
            library.tj3Destroy.restype = None
            library.tj3Get.argtypes = [ctypes.c_void_p, ctypes.c_int]
            library.tj3Set.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
            encoded = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t]
            library.tj3DecompressHeader.argtypes = encoded
            library.tj3SetCroppingRegion.argtypes = [ctypes.c_void_p, Region]
            pixels = [ctypes.c_void_p, ctypes.c_int, ctypes.c_int]
            library.tj3Decompress8.argtypes = encoded + pixels
        except (OSError, AttributeError):  # not here, or of version 2
            continue
        return library
    return None


def _in_wheel() -> list[str]:
    try:
        files = importlib.metadata.files("turbojpeg") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    paths = []
    for file in files:
        if file.name.startswith("libturbojpeg"):
            paths.append(str(file.locate()))
    return paths
