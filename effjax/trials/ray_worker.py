"""One trial of Ray Tune: a process that trains a run's folder, and whose rows Ray is told."""

import contextlib
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

from effjax.runs.folder import CONFIG
from effjax.runs.metrics import read_rows
from effjax.trials.runners import log_path
from effjax.trials.worker import is_over, read_failure, worker_command

POLL = 0.5  # seconds between looks at a run's rows


def train_in_ray(config: dict[str, Any]) -> None:
    """One trial, on whatever machine Ray has chosen: a process whose rows are reported to Ray.

    Args:
      config: {"folder": the run's, "metric": what is reported, "start_folder": where relative
        paths of the run's config begin}.
    """
    from ray import tune

    folder = Path(config["folder"])
    metric = config["metric"]
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None and not (folder / CONFIG).exists():
        # another machine has begun this run, and its disk is not ours
        with checkpoint.as_directory() as kept:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
    if is_over(folder) and not read_failure(folder):
        report(tune, folder, metric, 0, ended=True)
        return
    process = _start_process(folder, Path(config["start_folder"]))
    last_reported = 0
    try:
        while process.poll() is None:
            last_reported = report(tune, folder, metric, last_reported, ended=False)
            time.sleep(POLL)
        report(tune, folder, metric, last_reported, ended=True)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if not is_over(folder):
        raise RuntimeError(f"the run ended with status {process.returncode}")


def _start_process(folder: Path, start_folder: Path) -> subprocess.Popen:
    # a machine without a shared disk may not have the folder that the sweep was started in
    cwd = start_folder if start_folder.is_dir() else None
    with log_path(folder).open("a") as log:
        return subprocess.Popen(worker_command(folder), stdout=log, stderr=log, cwd=cwd)


def report(tune: Any, folder: Path, metric: str, last_reported: int, ended: bool) -> int:
    """Reports the rows after step `last_reported` that hold the metric; returns the last step.

    While a run goes on, its newest step is kept back: it may be the last one, and a scheduler that
    answers with a stop would end the run before it has written its summary.
    """
    rows = read_rows(folder)  # may be read while the run writes them
    newest = max((row["step"] for row in rows), default=0)
    for row in rows:
        step = row["step"]
        value = row.get(metric)
        may_be_last = step == newest and not ended
        if value is None or may_be_last or step <= last_reported:
            continue
        last_reported = step
        kept = tune.Checkpoint.from_directory(folder)
        tune.report({"step": step, metric: value}, checkpoint=kept)
    return last_reported
