"""A run's folder: the names of its files, whether it can be written, whether the run is over."""

import os
import tempfile
from pathlib import Path
from typing import Any, NotRequired, TypedDict

from effjax.config import is_remote, read_json
from effjax.errors import UserError

CONFIG = "config.json"
SUMMARY = "summary.json"
CHECKPOINTS = "checkpoints"
CURVES = "curves.png"
BAD_BATCH = "bad_batch.json"
# what a search leaves
FOUND_ARCHITECTURE = "architecture.json"
FOUND_WEIGHTS = "weights.safetensors"


class Summary(TypedDict):
    """What readers of summary.json rely on; `effjax.runs.summary` writes it."""

    step: int
    final: dict[str, Any]
    best: dict[str, Any]
    ended_early: NotRequired[bool]


def read_summary(workdir: Path) -> dict[str, Any] | None:
    """The summary of a finished run, or None.

    Raises:
      UserError: the file is no summary.
    """
    path = workdir / SUMMARY
    if not path.exists():
        return None
    return read_json(path, Summary, "remove this file: the same command finishes the run again")


def check_writable(workdir: Path) -> None:
    """Refuses, before minutes of compilation, a workdir that could not be made or written to.

    Raises:
      UserError: naming the folder.
    """
    if is_remote(workdir):
        _check_bucket(workdir)
        return
    folder = workdir.absolute()
    while not folder.exists():
        folder = folder.parent
    try:
        with tempfile.TemporaryDirectory(prefix=".effjax-", dir=folder):
            pass
    except OSError as error:
        raise UserError(f"cannot write to --workdir={workdir}: {error.strerror}") from error


def _check_bucket(workdir: Path) -> None:
    try:
        probe = workdir / f".effjax-{os.getpid()}"
        probe.write_text("")
        probe.unlink()
    except Exception as error:  # gcsfs raises errors of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0][:200]
        raise UserError(
            f"cannot write to --workdir={workdir}: {reason}\n"
            "does the bucket exist, and may you write? gcloud auth application-default login"
        ) from error
