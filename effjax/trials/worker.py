"""One run of a sweep: `train`, and in the folder what went wrong if it did.

As a program (`worker_command`) it trains FOLDER/trial.json.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import Any

import ml_collections

from effjax.config import View, from_json
from effjax.errors import NonFinite, Preempted, UserError
from effjax.report import Display, choose_display
from effjax.runs.folder import read_summary
from effjax.runs.metrics import write_atomically
from effjax.runs.schema import RunConfig
from effjax.startup import use_compilation_cache
from effjax.training import train

TRIAL, FAILED = "trial.json", "failed.json"
INTERRUPTED = 75


def write_trial(config: ml_collections.ConfigDict, workdir: Path) -> None:
    """Leaves a config where `worker FOLDER` finds it."""
    workdir.mkdir(parents=True, exist_ok=True)
    write_atomically(workdir / TRIAL, json.dumps(View(config).to_dict(), indent=2) + "\n")


def worker_command(workdir: Path) -> list[str]:
    """Starts a process that trains `workdir`/trial.json."""
    program = "import sys; from effjax.trials.worker import main; sys.exit(main(sys.argv[1]))"
    return [sys.executable, "-c", program, str(workdir)]


def is_over(workdir: Path) -> bool:
    """Whether a run has finished or failed for good."""
    return read_summary(workdir) is not None or (workdir / FAILED).exists()


def train_trial(config: ml_collections.ConfigDict, workdir: Path, display: Display) -> None:
    """Trains a run, or continues it; what it raises is written to failed.json.

    Raises:
      Preempted: the process was asked to stop; the run can be continued.
    """
    try:
        train(config, workdir, display=display)
    except Preempted:
        raise
    except (UserError, NonFinite) as error:
        write_failure(workdir, str(error).splitlines()[0])
    except Exception as error:
        words = str(error).strip().splitlines() or [""]
        write_failure(workdir, f"{type(error).__name__}: {words[0][:200]}")


def write_failure(workdir: Path, reason: str) -> None:
    """Marks a run as failed: it is a row of the table, and is not tried again."""
    workdir.mkdir(parents=True, exist_ok=True)
    write_atomically(workdir / FAILED, json.dumps({"reason": reason}) + "\n")


def read_failure(workdir: Path) -> str:
    """Why a run failed; "" if it did not."""
    path = workdir / FAILED
    return json.loads(path.read_text())["reason"] if path.exists() else ""


def main(folder: str) -> int:
    """Trains FOLDER/trial.json and returns an exit status: 0, also after a failure on record."""
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()
    use_compilation_cache()
    workdir = Path(folder)
    config: Any = from_json(json.loads((workdir / TRIAL).read_text()), RunConfig)
    try:
        train_trial(config, workdir, choose_display(quiet=True))
    except (Preempted, KeyboardInterrupt):
        return INTERRUPTED
    return 0


def _end_with_parent(parent: int) -> None:
    """A parent that was killed cannot end its processes: they look after it themselves."""
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(INTERRUPTED)
