"""A file to which converted images are added one by one, so that a long conversion may go on.

Its first line says what is converted, as JSON; then, for each image, its number, label and length,
the CRC-32 of what follows, and the bytes (none: left out). A damaged tail is dropped.
"""

import json
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any

HEAD = struct.Struct("<qqqI")  # row, label, length (-1: left out), checksum
Example = tuple[bytes | None, int]  # (None: left out, label)


class Journal:
    """What has been converted so far: rows 0, 1, 2, ... in order.

    Args:
      path: of the file; made when the first image is added.
      about: what the images are and how they are converted; with another `about` it begins anew.
    """

    def __init__(self, path: str | os.PathLike, about: dict[str, Any]):
        self.path = pathlib.Path(path)
        self._line = json.dumps(about, sort_keys=True).encode() + b"\n"
        self.rows, self._end = self._sound()

    def _sound(self) -> tuple[int, int]:
        """How many rows are there, and where in the file the last of them ends."""
        count, end = 0, len(self._line)
        if not self.path.exists():
            return count, end
        with self.path.open("rb") as file:
            if file.readline() != self._line:
                return count, end
            while (found := _read(file)) is not None and found[0] == count:
                count, end = count + 1, file.tell()
        return count, end

    def read(self) -> Iterator[Example]:
        """The converted images and their labels, in order."""
        if self.rows == 0:
            return
        with self.path.open("rb") as file:
            file.readline()
            for _ in range(self.rows):
                yield _read(file)[1]

    def append(self, converted: Iterator[Example]) -> Iterator[Example]:
        """Adds what comes, and hands it on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            if self.rows == 0:
                file.write(self._line)
            file.seek(self._end)
            file.truncate()
            for data, label in converted:
                length, body = (-1, b"") if data is None else (len(data), data)
                file.write(HEAD.pack(self.rows, label, length, zlib.crc32(body)) + body)
                self.rows, self._end = self.rows + 1, file.tell()
                yield data, label


def _read(file: Any) -> tuple[int, Example] | None:
    """(row, example) of the record that starts here; None if it is not whole."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    row, label, length, checksum = HEAD.unpack(head)
    body = file.read(max(length, 0))
    if len(body) < length or zlib.crc32(body) != checksum:
        return None
    return row, (None if length < 0 else body, label)
