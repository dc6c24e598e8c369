"""Where metrics go: JSON lines always, TensorBoard and W&B where asked for."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from effjax.errors import UserError

METRICS = "metrics.jsonl"


def write_atomically(path: Path, text: str) -> None:
    """Writes a file so that a crash leaves the old one or the new one, never a part."""
    part = path.with_name(f"{path.name}.part{os.getpid()}")
    part.write_text(text)
    part.replace(path)


def read_rows(workdir: Path) -> list[dict[str, Any]]:
    """The rows of a run's metrics.jsonl; a last line that was cut short is left out."""
    path, rows = workdir / METRICS, []
    for line in path.read_text().splitlines() if path.exists() else []:
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
        write_atomically(workdir / METRICS, text)
        self._file = (workdir / METRICS).open("ab", buffering=0)
        self._unwritten, self._warn = b"", warn
        self._boards: list[Any] = []
        if tensorboard:
            self._boards.append(_TensorBoard(workdir / "tensorboard", start))
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


class _Wandb:
    def __init__(self, project: str, workdir: Path):
        try:
            import wandb
        except ImportError as error:
            raise UserError(
                "log.wandb is set but wandb is missing: pip install 'effjax[wandb]'"
            ) from error
        self._run = wandb.init(project=project, dir=str(workdir), id=workdir.name, resume="allow")

    def write(self, step: int, values: dict[str, float]) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()
