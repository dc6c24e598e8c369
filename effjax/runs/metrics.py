"""metrics.jsonl: the rows of a run, as JSON lines; and the boards that show them.

A row is {"step": 120, "train/loss": ..., "val/top1": ...}. On a disk rows are appended to one file;
in a bucket, where nothing can be appended to, they are numbered parts.
"""

import contextlib
import errno
import json
import math
import os
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.config import is_remote
from effjax.errors import UserError
from effjax.runs.atomic import write_atomically
from effjax.runs.boards import open_boards

METRICS = "metrics.jsonl"
PART = "metrics-{}.jsonl"
MOST_PARTS = 64  # after so many they are joined


def read_rows(workdir: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl, or of its numbered parts.

    Lines that are no row (the last one may have been cut short) are left out.
    """
    rows = []
    for line in _lines(workdir):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def median_step_seconds(rows: Sequence[Mapping[str, Any]]) -> float:
    """Seconds of a step, NaN where none was timed."""
    milliseconds = [row["perf/step_ms"] for row in rows if row.get("perf/step_ms")]
    return statistics.median(milliseconds) / 1e3 if milliseconds else math.nan


def _lines(workdir: Path) -> list[str]:
    if is_remote(workdir):
        text = "".join(part.read_text() for part in sorted(workdir.glob(PART.format("*"))))
        return list(dict.fromkeys(text.splitlines()))  # some twice, if parts were being joined
    path = workdir / METRICS
    return path.read_text(errors="replace").splitlines() if path.exists() else []


class MetricWriter:
    """Writes rows {"step": n, "train/loss": ...}; each is in the file when `write` returns.

    A full disk does not end the run: rows are kept, and written as soon as there is room.

    Args:
      workdir: the run's folder.
      start: the step the run continues from; later rows are cut.
      tensorboard, wandb: see `LogConfig`.
      warn: takes a line for the user.
    """

    def __init__(
        self,
        workdir: Path,
        start: int,
        tensorboard: bool,
        wandb: str | None,
        warn: Callable[[str], None] = print,
    ):
        kept = [row for row in read_rows(workdir) if row["step"] <= start]
        text = "".join(json.dumps(row) + "\n" for row in kept)
        self._file = _Parts(workdir, text) if is_remote(workdir) else _File(workdir, text)
        self._unwritten = b""
        self._warn = warn
        self._boards = open_boards(workdir, start, tensorboard, wandb)

    def write(self, step: int, values: dict[str, float]) -> None:
        """One row; numbers that are not finite become null in the file, as JSON has no NaN.

        Raises:
          UserError: the workdir has been removed.
        """
        safe = {name: value if math.isfinite(value) else None for name, value in values.items()}
        was_full = bool(self._unwritten)
        self._unwritten += (json.dumps({"step": step, **safe}) + "\n").encode()
        try:
            self._write_all()
        except OSError as error:
            if not was_full:
                self._warn(f"{METRICS}: {error.strerror}; rows are kept until there is room")
        for board in self._boards:
            board.write(step, values)

    def flush(self) -> None:
        """Returns when all rows are safe on the disk, as they must be before a checkpoint is.

        Raises:
          OSError: there is no room for them.
          UserError: the workdir has been removed.
        """
        self._write_all()
        self._file.sync()

    def _write_all(self) -> None:
        self._file.check_there()
        while self._unwritten:
            # a nearly full disk may take a part of it
            written = self._file.write(self._unwritten)
            self._unwritten = self._unwritten[written:]

    def close(self) -> None:
        """Flushes and closes everything."""
        try:
            self._write_all()
        except OSError as error:
            self._warn(f"{METRICS}: {error.strerror}; its last rows are lost")
        except UserError:
            pass  # the run ends because of it, and has told the user
        self._file.close()
        for board in self._boards:
            board.close()


class _File:
    """metrics.jsonl on a disk."""

    def __init__(self, workdir: Path, text: str):
        self._path = workdir / METRICS
        write_atomically(self._path, text)
        self._file = self._path.open("ab", buffering=0)

    def write(self, data: bytes) -> int:
        return self._file.write(data)

    def sync(self) -> None:
        os.fsync(self._file.fileno())

    def check_there(self) -> None:
        """Refuses to write on into a file that nobody can find any more.

        Raises:
          UserError: the workdir, or this file in it, has been removed or replaced.
        """
        with contextlib.suppress(OSError):
            if os.path.samestat(self._path.stat(), os.fstat(self._file.fileno())):
                return
        raise UserError(
            f"{self._path} was removed or replaced while training; what was trained since the last "
            "checkpoint is lost\nthe same command continues, or begins again where nothing is left"
        )

    def close(self) -> None:
        self._file.close()


class _Parts:
    """metrics-000000.jsonl, metrics-000001.jsonl, ... in a bucket: one more at each write."""

    def __init__(self, workdir: Path, text: str):
        self._workdir = workdir
        self._text = text
        self._join()

    def write(self, data: bytes) -> int:
        """Writes rows as one more part.

        Raises:
          OSError: the service did not take it.
        """
        try:
            if self._count > MOST_PARTS:
                self._join()
            (self._workdir / PART.format(f"{self._count:06d}")).write_bytes(data)
        except Exception as error:  # gcsfs raises errors of many types
            raise OSError(errno.EIO, str(error)[:200]) from error
        self._text += data.decode()
        self._count += 1
        return len(data)

    def _join(self) -> None:
        """All rows into the first part; only then are the others removed."""
        first = self._workdir / PART.format("000000")
        first.write_text(self._text)
        for part in self._workdir.glob(PART.format("*")):
            if part != first:
                part.unlink()
        self._count = 1

    def sync(self) -> None:
        """Nothing to do: an object is safe once it is written."""

    def check_there(self) -> None:
        """Nothing to do: a bucket has no folders that could be removed."""

    def close(self) -> None:
        """Nothing is open."""


class NoWriter:
    """In the place of a `MetricWriter` on hosts that write nothing."""

    def write(self, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def flush(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""
