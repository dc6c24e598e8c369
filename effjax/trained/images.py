"""Images to be looked at, whatever a user has: paths, folders, archives, arrays.

Shapes: N images, H W one of them.
"""

import dataclasses
import functools
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.data.images.decode import decode
from effjax.data.sources.files import IMAGE_ENDINGS, image_names, is_archive, open_files
from effjax.errors import UserError
from effjax.report.style import natural_key


@dataclasses.dataclass(frozen=True)
class Image:
    """One image: what it is called, and how its pixels are had.

    Attributes:
      name: the path of a file, or "image 3".
      pixels: () -> uint8 [H, W, 3]; what it raises concerns this image alone.
    """

    name: str
    pixels: Callable[[], np.ndarray]


def find_images(paths: Sequence[str]) -> list[Image]:
    """The images that `paths` stand for: files as they are, folders and archives with all in them.

    A file that is named is taken whatever its ending; in folders, .zip and .tar those with the
    ending of an image count, hidden ones and what a Mac adds to a zip do not.

    Raises:
      UserError: a path that is not there, or no image at all.
    """
    found: list[Image] = []
    for path in map(os.path.expanduser, paths):
        if not os.path.exists(path):
            raise UserError(f"{path}: there is no such file or folder")
        if os.path.isdir(path) or is_archive(path):
            found += _inside(path)
        else:
            found.append(_image(path, Path(path).read_bytes))
    if not found:
        endings = " ".join(IMAGE_ENDINGS)
        raise UserError(f"no images in {' '.join(paths)}: expected files that end in\n{endings}")
    return found


def _inside(path: str) -> list[Image]:
    files = open_files(path)
    found = []
    # IMG_2 before IMG_10, as a camera numbers them and a person reads them
    for name in sorted(image_names(files), key=natural_key):
        read = functools.partial(files.read, name)
        found.append(_image(os.path.join(path, name), read))
    return found


def _image(name: str, read: Callable[[], bytes]) -> Image:
    return Image(name, lambda: decode(read()))


def as_images(given: Any) -> list[Image]:
    """The images that a user's argument stands for.

    Args:
      given: a path, an array uint8 [H, W, 3], [H, W] or [N, H, W, 3], a picture of Pillow, or a
        sequence of these.

    Raises:
      UserError: a path that is not there, pixels of another type or shape, or nothing at all.
    """
    if isinstance(given, str | os.PathLike):
        return find_images([os.fspath(given)])
    if isinstance(given, Sequence):
        items = list(given)
    else:
        array = np.asarray(given)
        items = list(array) if array.ndim == 4 else [array]
    images: list[Image] = []
    for item in items:
        if isinstance(item, str | os.PathLike):
            images += find_images([os.fspath(item)])
        else:
            pixels = _checked(np.asarray(item))
            images.append(Image(f"image {len(images)}", lambda pixels=pixels: pixels))
    if not images:
        raise UserError("no images were given: expected paths, or arrays uint8 [H, W, 3]")
    return images


def _checked(pixels: np.ndarray) -> np.ndarray:
    """uint8 [H, W, 3].

    Raises:
      UserError: another type or shape.
    """
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    channels = pixels.shape[-1] if pixels.ndim == 3 else 0
    if pixels.dtype != np.uint8 or channels not in (1, 3):
        raise UserError(
            f"an image is {pixels.dtype} {list(pixels.shape)}; expected uint8 [H, W, 3], 0 to 255\n"
            "scale and cast it, or give the path of a file"
        )
    return np.repeat(pixels, 3, axis=2) if channels == 1 else pixels
