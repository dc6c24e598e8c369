"""A file to which converted images are added one by one, so that a long conversion may go on.

Its first line says how images are converted, as JSON; then, for each image, its number, label,
checksum of the source's bytes, and length, the CRC-32 of what follows, and the bytes (none: left
out). A damaged tail is dropped.
"""

import json
import os
import pathlib
import struct
import zlib
from collections.abc import Iterator
from typing import Any, NamedTuple

HEAD = struct.Struct("<qqIqI")  # row, label, source, length (-1: left out), checksum
FORMAT = 2


class Converted(NamedTuple):
    """One converted image.

    Attributes:
      data: its bytes; None: left out.
      label: its label.
      source: a checksum of what it was made from.
    """

    data: bytes | None
    label: int
    source: int


class Journal:
    """What has been converted so far: rows 0, 1, 2, ... in order.

    Args:
      path: of the file; made when the first image is added.
      options: how the images are converted; with others the journal begins anew.
    """

    def __init__(self, path: str | os.PathLike, options: dict[str, Any]):
        self.path = pathlib.Path(path)
        line = json.dumps({"format": FORMAT, **options}, sort_keys=True)
        self._line = line.encode() + b"\n"
        self.rows, self._end = 0, len(self._line)
        self._find_end(None)

    def _find_end(self, limit: int | None) -> None:
        """Sets how many sound rows there are, up to `limit`, and where the last of them ends."""
        self.rows, self._end = 0, len(self._line)
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            if file.readline() != self._line:
                return
            while limit is None or self.rows < limit:
                found = _read(file)
                if found is None or found[0] != self.rows:
                    return
                self.rows, self._end = self.rows + 1, file.tell()

    def cut(self, rows: int) -> None:
        """Drops all but the first `rows`."""
        if rows < self.rows:
            self._find_end(rows)

    def read(self) -> Iterator[Converted]:
        """The converted images, in order."""
        if self.rows == 0:
            return
        with self.path.open("rb") as file:
            file.readline()
            for _ in range(self.rows):
                yield _read(file)[1]

    def append(self, converted: Iterator[Converted]) -> Iterator[Converted]:
        """Adds what comes, and hands it on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            if self.rows == 0:
                file.write(self._line)
            file.seek(self._end)
            file.truncate()
            for example in converted:
                body = example.data or b""
                length = -1 if example.data is None else len(body)
                head = (self.rows, example.label, example.source, length, zlib.crc32(body))
                file.write(HEAD.pack(*head) + body)
                self.rows, self._end = self.rows + 1, file.tell()
                yield example


def _read(file: Any) -> tuple[int, Converted] | None:
    """(row, example) of the record that starts here; None if it is not whole."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    row, label, source, length, expected = HEAD.unpack(head)
    body = file.read(max(length, 0))
    if len(body) < length or zlib.crc32(body) != expected:
        return None
    return row, Converted(None if length < 0 else body, label, source)
