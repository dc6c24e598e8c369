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
from typing import Any, BinaryIO, NamedTuple

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
        self._find_end(None)

    def _find_end(self, limit: int | None) -> None:
        """Sets how many sound rows there are, up to `limit`, and where the last of them ends."""
        self.rows = 0
        self._end = len(self._line)
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            if file.readline() != self._line:
                return
            while limit is None or self.rows < limit:
                found = _read(file)
                if found is None:
                    return
                row, _ = found
                if row != self.rows:
                    return
                self._advance(file)

    def _advance(self, file: BinaryIO) -> None:
        """One row more, which ends where the file stands."""
        self.rows += 1
        self._end = file.tell()

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
                _, converted = _read(file)
                yield converted

    def append(self, converted: Iterator[Converted]) -> Iterator[Converted]:
        """Adds what comes, and hands it on."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # "w" would empty what is there
        mode = "r+b" if self.path.exists() else "w+b"
        with self.path.open(mode) as file:
            if self.rows == 0:
                file.write(self._line)
            file.seek(self._end)
            file.truncate()
            for example in converted:
                record = _packed(self.rows, example)
                file.write(record)
                self._advance(file)
                yield example


def _packed(row: int, example: Converted) -> bytes:
    """The record of one image, as `_read` takes it apart."""
    body = b""
    length = -1
    if example.data is not None:
        body = example.data
        length = len(body)
    checksum = zlib.crc32(body)
    head = HEAD.pack(row, example.label, example.source, length, checksum)
    return head + body


def _read(file: BinaryIO) -> tuple[int, Converted] | None:
    """(row, example) of the record that starts here; None if it is not whole."""
    head = file.read(HEAD.size)
    if len(head) < HEAD.size:
        return None
    row, label, source, length, expected = HEAD.unpack(head)
    body = file.read(max(length, 0))
    if len(body) < length or zlib.crc32(body) != expected:
        return None
    data = body
    if length < 0:
        data = None
    return row, Converted(data, label, source)
