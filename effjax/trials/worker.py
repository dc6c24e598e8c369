"""Trains one run of a sweep, and notes in its folder what went wrong if anything did.

As a program of its own (`worker_command`) it trains FOLDER/trial.json.
"""

import contextlib
import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any, TypedDict

import ml_collections

from effjax.config import View, from_json, read_json
from effjax.errors import NonFinite, Preempted, UserError
from effjax.report import Display, choose_display
from effjax.runs.folder import read_summary
from effjax.runs.schema import RunConfig
from effjax.startup import use_compilation_cache
from effjax.tasks.run import train
from effjax.trials.json_files import is_disk_full, saying_where, write_text

TRIAL, FAILED = "trial.json", "failed.json"
INTERRUPTED, REFUSED = 75, 1  # exit statuses, as those of `effjax train`
LONGEST_REASON = 200  # characters of an error that a table has room for


class Failure(TypedDict):
    """What failed.json holds."""

    reason: str


def write_trial(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Writes a config to where `worker_command` finds it.

    Raises:
      UserError: the disk refuses.
    """
    tree = View(config).to_dict()
    write_text(workdir / TRIAL, json.dumps(tree, indent=2) + "\n")


def worker_command(workdir: Path) -> list[str]:
    """The command that trains `workdir`/trial.json."""
    program = "import sys; from effjax.trials.worker import main; sys.exit(main(sys.argv[1]))"
    return [sys.executable, "-c", program, str(workdir)]


def is_over(workdir: Path) -> bool:
    """Whether a run has finished or failed for good."""
    return read_summary(workdir) is not None or (workdir / FAILED).exists()


def train_trial(config: ml_collections.ConfigDict, workdir: Path, display: Display) -> None:
    """Trains a run, or continues it; what it raises is written to failed.json.

    Raises:
      Preempted: the process was asked to stop; the run can be continued.
      UserError: the disk is full. That is no fault of this variant, and the next would fail alike.
    """
    try:
        train(config, workdir, display=display)
    except Preempted:
        raise
    except Exception as error:
        if is_disk_full(error):
            _remove_if_empty(workdir)
            raise UserError(
                f"cannot write to {workdir}: the disk is full\n"
                "make room, then the same command continues"
            ) from error
        write_failure(workdir, describe_error(error))


def describe_error(error: BaseException) -> str:
    """The first line of what went wrong; with the error's type where it is none of effjax's own."""
    lines = str(error).strip().splitlines() or [""]
    if isinstance(error, UserError | NonFinite):
        return lines[0]
    return f"{type(error).__name__}: {lines[0][:LONGEST_REASON]}"


def write_failure(workdir: Path, reason: str) -> None:
    """Marks a run as failed: it is a row of the table, and is not tried again.

    Raises:
      UserError: the disk refuses.
    """
    write_text(workdir / FAILED, json.dumps({"reason": reason}) + "\n")


def read_failure(workdir: Path) -> str:
    """Why a run failed; "" if it did not.

    Raises:
      UserError: failed.json holds something else.
    """
    path = workdir / FAILED
    if not path.exists():
        return ""
    return read_json(path, Failure, "remove it, and the run is tried again")["reason"]


def forget_failure(workdir: Path) -> None:
    """Lets a run that failed be tried again."""
    with saying_where(workdir):
        (workdir / FAILED).unlink(missing_ok=True)


def _remove_if_empty(workdir: Path) -> None:
    # the folder of the variant above it too, where this was its first seed
    for folder in (workdir, workdir.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()


def main(folder: str) -> int:
    """Trains FOLDER/trial.json and returns an exit status: 0, also after a failure on record."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    use_compilation_cache()
    workdir = Path(folder)
    try:
        tree = read_json(workdir / TRIAL, dict[str, Any], "remove it; the sweep writes it anew")
        config: Any = from_json(tree, RunConfig)
        train_trial(config, workdir, choose_display(quiet=True))
    except (Preempted, KeyboardInterrupt):
        return INTERRUPTED
    except UserError as error:
        # the last line of the log is what the table shows
        print(str(error).splitlines()[0], file=sys.stderr)
        return REFUSED
    return 0


def _end_with_parent(parent: int) -> None:
    """Ends this process when its parent is gone: one that was killed could not do it."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(INTERRUPTED)
