"""Reads and appends lines of JSON, and writes small files whole or not at all.

What a disk refuses becomes one line for the user.
"""

import contextlib
import csv
import errno
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.config import parse_json
from effjax.errors import UserError
from effjax.report.tables import safe_cell
from effjax.runs.atomic import write_atomically

# no space, no quota, larger than the file system or the user's limit allows
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
FULL_WORDS = tuple(os.strerror(number) for number in FULL)


def read_lines(path: Path, shape: Any, remedy: str, text: str | None = None) -> list[Any]:
    """The JSON lines of a file, [] where it is not there.

    A last line without an end is left out: a process was killed while it wrote it.

    Args:
      shape: of each line, an annotation as `effjax.config.parse_json` takes it.
      remedy: what the user can do about a line that is something else.
      text: what the file holds, where it is packed and the caller has unpacked it.

    Raises:
      UserError: naming the line that is something else.
    """
    if text is None:
        if not path.exists():
            return []
        text = path.read_text(errors="replace")
    # what stands after the last line end is empty, or half a line
    whole_lines = text.split("\n")[:-1]
    found = []
    for number, line in enumerate(whole_lines, start=1):
        if line:
            found.append(parse_json(line, shape, f"{path}, line {number}", remedy))
    return found


@contextlib.contextmanager
def saying_where(path: Path) -> Iterator[None]:
    """Turns what the disk refuses into one line for the user.

    Raises:
      UserError: naming the path and the reason, such as "No space left on device".
    """
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write to {path}: {error.strerror or error}") from error


def is_disk_full(error: BaseException | None) -> bool:
    """Whether a full disk is behind an error, or behind one that it was raised from."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        # libraries in C++ raise errors of their own, and keep the system's words
        if any(words in str(error) for words in FULL_WORDS):
            return True
        # a UserError is raised from the OSError that it explains
        error = error.__cause__ or error.__context__
    return False


def write_text(path: Path, text: str) -> None:
    """Writes a file whole or not at all; makes its folder.

    Raises:
      UserError: the disk refuses.
    """
    with saying_where(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)


def write_csv(path: Path, rows: Sequence[Sequence[Any]]) -> None:
    """Writes rows of cells; None is an empty cell.

    Raises:
      UserError: the disk refuses.
    """
    # made in memory first, so that a full disk leaves the old file or none
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    for row in rows:
        writer.writerow(["" if cell is None else safe_cell(str(cell)) for cell in row])
    write_text(path, table.getvalue())


def append_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Adds rows as lines of JSON and waits until they are on the disk.

    Raises:
      UserError: the disk refuses; no part of the rows stays.
    """
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if not text:
        return
    with saying_where(path), path.open("ab", buffering=0) as file:
        before = file.seek(0, os.SEEK_END)
        try:
            _write_all(file, text.encode())
            # rows are what a rerun relies on: they outlive a power cut
            os.fsync(file.fileno())
        except OSError:
            # a full disk takes a part: without it the next command finds whole lines
            file.truncate(before)
            raise


def _write_all(file: Any, data: bytes) -> None:
    # unbuffered: a write may take less than all, and says how much
    while data:
        data = data[file.write(data) :]


def cut_unfinished_line(path: Path) -> None:
    """Removes half a line that a process which was killed has left."""
    if not path.exists():
        return
    data = path.read_bytes()
    if data and not data.endswith(b"\n"):
        whole = data.rfind(b"\n") + 1  # 0 where there is no whole line
        with path.open("r+b") as file:
            file.truncate(whole)
