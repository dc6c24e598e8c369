"""Where metrics go: JSON lines always, TensorBoard and W&B where asked for."""

import contextlib
import errno
import io
import json
import math
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from effjax.config import is_remote
from effjax.errors import UserError

METRICS = "metrics.jsonl"
PART = "metrics-{}.jsonl"  # in a bucket, where nothing can be appended to
JOIN = 64  # parts, after which they are joined
BOARD_SECONDS = 60.0  # from one copy of TensorBoard's file into a bucket to the next


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a crash leaves the old one or the new one, never a part."""
    if is_remote(path):
        path.write_text(text)  # an object comes into being as a whole
        return
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    part.write_text(text)
    part.replace(path)


def read_rows(workdir: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl, or of its numbered parts.

    A last line that was cut short is left out.
    """
    if is_remote(workdir):
        text = "".join(part.read_text() for part in sorted(workdir.glob(PART.format("*"))))
        lines = list(dict.fromkeys(text.splitlines()))  # some twice, if parts were being joined
    else:
        path = workdir / METRICS
        lines = path.read_text().splitlines() if path.exists() else []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows


class MetricWriter:
    """Writes rows {"step": n, "train/loss": ...}; each is on disk when `write` returns.

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
        self._file = _Parts(workdir, text) if is_remote(workdir) else _opened(workdir, text)
        self._unwritten, self._warn = b"", warn
        self._boards: list[Any] = []
        if tensorboard:
            kind = _TensorBoardAway if is_remote(workdir) else _TensorBoard
            self._boards.append(kind(workdir / "tensorboard", start))
        if wandb:
            self._boards.append(_Wandb(wandb, workdir))

    def write(self, step: int, values: dict[str, float]) -> None:
        """One row; numbers that are not finite become null in the file, as JSON has no NaN."""
        safe = {k: v if math.isfinite(v) else None for k, v in values.items()}
        full = bool(self._unwritten)
        self._unwritten += (json.dumps({"step": step, **safe}) + "\n").encode()
        try:
            self._flush()
        except OSError as error:
            if not full:
                self._warn(f"{METRICS}: {error.strerror}; rows are kept until there is room")
        for board in self._boards:
            board.write(step, values)

    def _flush(self) -> None:
        while self._unwritten:
            self._unwritten = self._unwritten[self._file.write(self._unwritten) :]

    def close(self) -> None:
        """Flushes and closes everything."""
        try:
            self._flush()
        except OSError as error:
            self._warn(f"{METRICS}: {error.strerror}; its last rows are lost")
        self._file.close()
        for board in self._boards:
            board.close()


def _opened(workdir: Path, text: str) -> io.FileIO:
    write_atomically(workdir / METRICS, text)
    return (workdir / METRICS).open("ab", buffering=0)


class _Parts:
    """metrics-000000.jsonl, metrics-000001.jsonl, ... in a bucket: one more at each write."""

    def __init__(self, workdir: Path, text: str):
        self._workdir, self._text = workdir, text
        self._join()

    def write(self, data: bytes) -> int:
        """Writes rows as one more part.

        Raises:
          OSError: the service did not take it.
        """
        try:
            if self._count > JOIN:
                self._join()
            (self._workdir / PART.format(f"{self._count:06d}")).write_bytes(data)
        except Exception as error:  # what gcsfs raises is of many kinds
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

    def close(self) -> None:
        """Nothing is open."""


class NoWriter:
    """In the place of a `MetricWriter` on hosts that write nothing."""

    def write(self, step: int, values: dict[str, float]) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


class _TensorBoard:
    def __init__(self, folder: Path, start: int):
        from tensorboardX import SummaryWriter

        self._writer = SummaryWriter(str(folder), purge_step=start + 1 if start else None)

    def write(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _TensorBoardAway(_TensorBoard):
    """TensorBoard's file made on this machine and copied into a bucket now and then."""

    def __init__(self, folder: Path, start: int):
        self._target, self._copied = folder, time.monotonic()
        self._here = tempfile.TemporaryDirectory(prefix="effjax-tensorboard-")
        super().__init__(Path(self._here.name), start)

    def write(self, step: int, values: dict[str, float]) -> None:
        super().write(step, values)
        if time.monotonic() - self._copied > BOARD_SECONDS:
            self._writer.flush()
            self._copy()

    def _copy(self) -> None:
        self._copied = time.monotonic()
        for file in Path(self._here.name).iterdir():
            with contextlib.suppress(Exception):  # the next copy holds all of it
                (self._target / file.name).write_bytes(file.read_bytes())

    def close(self) -> None:
        super().close()
        self._copy()
        self._here.cleanup()


class _Wandb:
    def __init__(self, project: str, workdir: Path):
        try:
            import wandb
        except ImportError as error:
            raise UserError(
                "log.wandb is set but wandb is missing: pip install 'effjax[wandb]'"
            ) from error
        folder = None if is_remote(workdir) else str(workdir)
        self._run = wandb.init(project=project, dir=folder, id=workdir.name, resume="allow")

    def write(self, step: int, values: dict[str, float]) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()
