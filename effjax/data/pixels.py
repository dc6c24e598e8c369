"""Examples as pixels: decoded when they are asked for, kept if wanted, reported if broken.

Shapes: N examples, H W an image.
"""

import dataclasses
import logging

import numpy as np

from effjax.data.images.decode import decode_pillow, decode_quickly
from effjax.data.images.jpeg import decode_box, jpeg_damage, plain_size
from effjax.data.images.random_crop import Box
from effjax.data.sources.examples import BadExample, Examples, label_of, read_example
from effjax.errors import UserError

Pair = tuple[np.ndarray | None, int]  # pixels uint8 [H, W, 3] (None: broken), and the label


@dataclasses.dataclass(frozen=True)
class OpenImage:
    """An image whose size is known, before a box is cut out of it.

    Attributes:
      label: its label.
      size: (height, width); None: the image is broken.
      pixels: all of it, or None where the bytes suffice.
      data: the bytes of a JPEG of which only the box is to be decoded.
    """

    label: int
    size: tuple[int, int] | None
    pixels: np.ndarray | None = None
    data: bytes | None = None


@dataclasses.dataclass
class Pixels:
    """Example `row` of a source as uint8 [H, W, 3] (None: broken, and skipped) and its label.

    Attributes:
      fast, enough: see `decode`.
      keep: hold what was decoded in memory.
      skip: report a broken file and go on, instead of raising UserError.
      refuse_damage: a JPEG that can be read, but with damage, is broken too.
    """

    source: Examples
    fast: bool = False
    enough: tuple[int, int] | None = None
    keep: bool = False
    skip: bool = False
    refuse_damage: bool = False

    def __post_init__(self) -> None:
        self._kept: dict[int, Pair] = {}
        self._damage: dict[int, str | None] = {}  # of JPEGs that the quick decoder refuses
        # whether the quick decoder has taken all of it: only then is a part of it decoded alone
        self._sound = np.zeros(len(self.source), bool)

    def __call__(self, row: int) -> Pair:
        if row in self._kept:
            return self._kept[row]
        try:
            data, label = read_example(self.source, row)
        except BadExample as error:
            return self._broken(row, label_of(self.source, row), error)
        image = data
        if isinstance(data, bytes):
            try:
                image = self._decode(row, data)
            except UserError as error:
                return self._broken(row, label, error)
        if self.keep:
            self._kept[row] = (image, label)
        return image, label

    def _decode(self, row: int, data: bytes) -> np.ndarray:
        image = decode_quickly(data, self.fast, self.enough)
        self._sound[row] = image is not None
        if image is not None:
            return image
        image = decode_pillow(data)
        self._check_damage(row, data)
        return image

    def _check_damage(self, row: int, data: bytes) -> None:
        """Reports a JPEG that can be read, but not without warnings of the decoder."""
        if row not in self._damage:
            damage = self._damage.setdefault(row, jpeg_damage(data))
            if damage is not None and not self.refuse_damage:
                _warn(f"damaged, but read: {self.source.name(row)}: {damage}")
        damage = self._damage[row]
        if damage is not None and self.refuse_damage:
            raise UserError(damage)

    def open(self, row: int) -> OpenImage:
        """An image and its size, decoded only if it has to be."""
        is_kept = row in self._kept
        if self.fast and self._sound[row] and not is_kept:
            try:
                data, label = read_example(self.source, row)
            except BadExample as error:
                _, label = self._broken(row, label_of(self.source, row), error)
                return OpenImage(label, None)
            if isinstance(data, bytes):
                size = plain_size(data, self.enough)
                if size is not None:
                    return OpenImage(label, size, data=data)
        image, label = self(row)
        if image is None:
            return OpenImage(label, None)
        return OpenImage(label, image.shape[:2], pixels=image)

    def cut(self, row: int, image: OpenImage, box: Box, scratch: np.ndarray) -> np.ndarray | None:
        """The box (top, left, height, width) of an open image; None if it turns out broken.

        Args:
          scratch: uint8, one axis; what is returned may lie there.
        """
        pixels = image.pixels
        if image.data is not None:
            try:
                return decode_box(image.data, box, scratch)
            except ValueError:
                # the file has changed since it was sound: as a whole it is decoded or named
                pixels, _ = self(row)
        if pixels is None or pixels.shape[:2] != image.size:
            return None
        top, left, height, width = box
        return pixels[top : top + height, left : left + width]

    def _broken(self, row: int, label: int, error: UserError) -> Pair:
        verb = "read" if isinstance(error, BadExample) else "decoded"
        what = f"{self.source.name(row)} cannot be {verb}: {error}"
        if not self.skip:
            raise UserError(f"{what}\nremove the file, or set data.on_error=skip") from error
        entry = None, label
        # if two threads hit the same file, only the first to record it warns
        if self._kept.setdefault(row, entry) is entry:
            _warn(f"skipped: {what}")
        return entry


def _warn(message: str) -> None:
    logging.getLogger("effjax.data").warning("%s", message)
