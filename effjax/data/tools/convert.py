"""What `effjax data prepare` stores for each image of a source, and how far it has come."""

import io
import itertools
import os
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from effjax.data.images.decode import decode
from effjax.data.images.resize import resize_exact
from effjax.data.sources.examples import BadExample, Examples, label_of, read_example
from effjax.data.threads import map_rows
from effjax.data.tools.journal import Converted, Journal
from effjax.errors import UserError

JPEG_QUALITY = 90


def stored_examples(
    source: Examples,
    short_side: int | None = None,
    skip_broken: bool = False,
    journal: str | os.PathLike | None = None,
) -> Iterator[tuple[int, dict[str, Any]]]:
    """What a TFDS builder writes for a source, in its order; images are converted in threads.

    Args:
      journal: a file that keeps what was made smaller, for another attempt.

    Raises:
      UserError: an image cannot be read or decoded, unless it is to be skipped.
    """
    conversion = Conversion(source, short_side, skip_broken)
    if short_side is None or journal is None:  # copying takes no longer than reading a journal
        converted = map_rows(conversion.convert, range(len(source)))
    else:
        kept = Journal(journal, conversion.options())
        kept.cut(conversion.unchanged(kept))
        fresh = map_rows(conversion.convert, range(kept.rows, len(source)))
        converted = itertools.chain(kept.read(), kept.append(fresh))
    for row, example in enumerate(converted):
        # None: left out, but its row counts
        if example.data is not None:
            image = io.BytesIO(example.data)
            yield row, {"image": image, "label": example.label}


class Conversion:
    """How the images of a source are stored."""

    def __init__(self, source: Examples, short_side: int | None, skip_broken: bool):
        self.source = source
        self.short_side = short_side
        self.skip_broken = skip_broken

    def options(self) -> dict[str, Any]:
        """What a kept conversion must have been made with; JSON data."""
        return {
            "short_side": self.short_side,
            "skip_broken": self.skip_broken,
            "quality": JPEG_QUALITY,
            "images": len(self.source),
        }

    def convert(self, row: int) -> Converted:
        """One image as it is stored.

        Raises:
          UserError: it is broken, and not to be skipped.
        """
        data = None
        label = 0
        problem = None
        try:
            data, label = read_example(self.source, row)
            stored = stored_bytes(data, self.short_side)
        except BadExample as error:
            label = label_of(self.source, row)
            problem = f"cannot be read: {error}"
        except UserError as error:
            problem = f"cannot be decoded: {error}"
        if problem is None:
            return Converted(stored, label, checksum(data))
        if self.skip_broken:
            return Converted(None, label, checksum(data))
        raise UserError(
            f"{self.source.name(row)} {problem}\nremove the file, or leave it out: --skip-broken"
        )

    def unchanged(self, journal: Journal) -> int:
        """How many converted images at the start of a journal are still those of the source.

        Reading the source's bytes takes a small part of the time of converting them.
        """

        def current(row: int) -> tuple[int, int]:
            try:
                data, label = read_example(self.source, row)
            except BadExample:
                return checksum(None), label_of(self.source, row)
            return checksum(data), label

        count = 0
        now = map_rows(current, range(journal.rows))
        for kept, seen in zip(journal.read(), now):
            if (kept.source, kept.label) != seen:
                break
            count += 1
        return count


def checksum(data: bytes | np.ndarray | None) -> int:
    """A CRC-32 of an image as its source has it; 0 for one that cannot be read."""
    if data is None:
        return 0
    if not isinstance(data, bytes):
        data = np.ascontiguousarray(data)
    return zlib.crc32(data)


def stored_bytes(data: bytes | np.ndarray, short_side: int | None) -> bytes:
    """What to store for an image: its own bytes, a smaller JPEG, or for an array a PNG.

    Raises:
      UserError: bytes that must be made smaller cannot be decoded.
    """
    import cv2
    import simplejpeg

    if short_side is not None:
        pixels = data
        if isinstance(data, bytes):
            pixels = decode(data)
        height, width = pixels.shape[:2]
        shrink = short_side / min(height, width)
        if shrink < 1:
            # rounding must not make the short side shorter
            height = max(short_side, round(height * shrink))
            width = max(short_side, round(width * shrink))
            smaller = resize_exact(pixels, (height, width), "bicubic")
            return simplejpeg.encode_jpeg(smaller, JPEG_QUALITY, "RGB")
    if isinstance(data, bytes):
        return data
    # OpenCV's order of colours
    blue_first = data[..., ::-1]
    _, png = cv2.imencode(".png", blue_first)
    return png.tobytes()
