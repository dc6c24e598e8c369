"""What shows a run's rows while it trains: TensorBoard and Weights & Biases."""

import contextlib
import hashlib
import os
import tempfile
import time
from pathlib import Path
from typing import Protocol

from effjax.config import is_remote
from effjax.errors import UserError
from effjax.runs.record import read_file

COPY_SECONDS = 60.0  # between two copies of TensorBoard's file into a bucket
ID_DIGITS = 16


class Board(Protocol):
    """Takes the rows of a run."""

    def write(self, step: int, values: dict[str, float]) -> None: ...

    def close(self) -> None: ...


def open_boards(workdir: Path, start: int, tensorboard: bool, wandb: str | None) -> list[Board]:
    """The boards that `config.log` asks for.

    Args:
      workdir: the run's folder, with its config.json.
      start: the step the run continues from.
      tensorboard, wandb: see `LogConfig`.

    Raises:
      UserError: wandb is asked for and not installed.
    """
    boards: list[Board] = []
    if tensorboard:
        kind = _RemoteTensorBoard if is_remote(workdir) else _TensorBoard
        boards.append(kind(workdir / "tensorboard", start))
    if wandb:
        boards.append(_Wandb(wandb, workdir))
    return boards


class _TensorBoard:
    def __init__(self, folder: Path, start: int):
        from tensorboardX import SummaryWriter

        # hides what a run that was interrupted had written beyond its last checkpoint
        purge_step = start + 1 if start else None
        self._writer = SummaryWriter(str(folder), purge_step=purge_step)

    def write(self, step: int, values: dict[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        self._writer.close()


class _RemoteTensorBoard(_TensorBoard):
    """TensorBoard's file made on this machine and copied into a bucket now and then."""

    def __init__(self, folder: Path, start: int):
        self._target = folder
        self._copied = time.monotonic()
        self._local = tempfile.TemporaryDirectory(prefix="effjax-tensorboard-")
        super().__init__(Path(self._local.name), start)

    def write(self, step: int, values: dict[str, float]) -> None:
        super().write(step, values)
        if time.monotonic() - self._copied > COPY_SECONDS:
            self._writer.flush()
            self._copy()

    def _copy(self) -> None:
        self._copied = time.monotonic()
        for file in Path(self._local.name).iterdir():
            # a failure costs nothing: the next copy holds all of it
            with contextlib.suppress(Exception):
                (self._target / file.name).write_bytes(file.read_bytes())

    def close(self) -> None:
        super().close()
        self._copy()
        self._local.cleanup()


class _Wandb:
    def __init__(self, project: str, workdir: Path):
        try:
            import wandb
        except ImportError as error:
            raise UserError(
                "log.wandb is set but wandb is missing: pip install 'effjax[wandb]'"
            ) from error
        content = read_file(workdir) or {}
        self._run = wandb.init(
            project=project,
            dir=None if is_remote(workdir) else str(workdir),
            id=run_id(workdir, content.get("created")),
            name=run_name(workdir),
            config=content.get("config", {}),
            resume="allow",
        )

    def write(self, step: int, values: dict[str, float]) -> None:
        self._run.log(values, step=step)

    def close(self) -> None:
        self._run.finish()


def run_id(workdir: Path, created: float | None) -> str:
    """W&B's id: the same whenever the run is continued, another for every other folder.

    The folder's name alone is not enough: the runs of a sweep are called seed0, seed1, ... in each
    variant. The time of its first start tells a run from one that was in the same folder before.
    """
    place = str(workdir) if is_remote(workdir) else os.path.abspath(workdir)
    return hashlib.sha256(f"{place} {created}".encode()).hexdigest()[:ID_DIGITS]


def run_name(workdir: Path) -> str:
    """What W&B shows: the last two parts of the path, such as "variant/seed0"."""
    place = workdir if is_remote(workdir) else Path(os.path.abspath(workdir))
    return "/".join(place.parts[-2:])
