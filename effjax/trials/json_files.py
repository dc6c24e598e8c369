"""Reads and writes the small files that trials keep, so that a wrong one costs a line of text."""

import contextlib
import csv
import errno
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.runs.atomic import write_atomically

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
KINDS = {dict: "an object", list: "a list", str: "text", int: "a whole number", float: "a number"}
Kinds = Mapping[str, type | tuple[type, ...]]


def parse_object(text: str | bytes, where: str, keys: Kinds) -> dict[str, Any]:
    """A JSON object that has `keys` of the given types; further keys are left as they are.

    Args:
      where: the file, and the line where there are many, for the message.

    Raises:
      UserError: what came and what was expected.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        # thousands of brackets end in a RecursionError, which is no ValueError
        raise _wrong_shape(where, f"no JSON ({error})") from error
    if not isinstance(found, dict):
        raise _wrong_shape(where, f"{_kind(found)}, not an object")
    for key, kind in keys.items():
        if key not in found:
            raise _wrong_shape(where, f"an object without {key!r}")
        if not isinstance(found[key], kind):
            raise _wrong_shape(where, f"an object whose {key!r} is {_kind(found[key])}")
    return found


def read_object(path: Path, keys: Kinds) -> dict[str, Any]:
    """`parse_object` of a file.

    Raises:
      UserError: the file cannot be read, or holds something else.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    return parse_object(data, str(path), keys)


def read_objects(path: Path, keys: Kinds, text: str | None = None) -> list[dict[str, Any]]:
    """The JSON lines of a file, [] where it is not there.

    A last line without an end is left out: a process was killed while it wrote it.

    Args:
      text: what the file holds, where it is packed and the caller has unpacked it.

    Raises:
      UserError: naming the line that is something else.
    """
    if text is None:
        if not path.exists():
            return []
        text = path.read_text(errors="replace")
    whole_lines = text.split("\n")[:-1]
    found = []
    for number, line in enumerate(whole_lines, start=1):
        if line:
            found.append(parse_object(line, f"{path}, line {number}", keys))
    return found


def _wrong_shape(where: str, what: str) -> UserError:
    return UserError(f"{where} is not what effjax writes there: {what}\nremove it, or mend it")


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return KINDS.get(type(value), type(value).__name__)


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
    table = io.StringIO(newline="")
    writer = csv.writer(table)
    for row in rows:
        writer.writerow(["" if cell is None else cell for cell in row])
    write_text(path, table.getvalue())
