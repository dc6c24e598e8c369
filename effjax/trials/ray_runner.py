"""The runs of a sweep as trials of Ray Tune, on one machine or a cluster.

Each trial is a process of its own that trains an ordinary run's folder. Its folder is also kept in
Ray's storage at every evaluation, so that a trial whose machine is lost continues elsewhere, with
or without a disk that the machines share.
"""

import contextlib
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.folder import CONFIG
from effjax.runs.metrics import read_rows
from effjax.trials.plan import SweepTrial
from effjax.trials.runners import log_path
from effjax.trials.suggest import Suggestions, mode_of
from effjax.trials.worker import is_over, read_failure, worker_command, write_failure, write_trial

POLL = 0.5  # seconds between looks at a run's rows
RETRIES = 3  # of a trial whose process or machine was lost
ENDLESS = 1 << 40  # steps
SCHEDULERS = ("none", "asha")


def run_ray(
    trials: Sequence[SweepTrial],
    metric: str,
    workdir: Path,
    display: Display,
    *,
    address: str | None = None,
    scheduler: str = "none",
    cpus: float = 1.0,
    gpus: float = 0.0,
    suggestions: Suggestions | None = None,
) -> None:
    """Trains the runs as trials of Ray Tune.

    Args:
      trials: that are not over; empty where `suggestions` says what to train.
      metric: what ASHA compares; less is better for a loss.
      workdir: of the sweep; Ray keeps its own files in `ray/` below.
      address: of a running cluster ("auto" finds one); None starts Ray on this machine.
      scheduler: "asha" stops the worse half of the runs at growing numbers of steps.
      cpus, gpus: what a run takes.
      suggestions: chooses the runs one after another.

    Raises:
      UserError: Ray is not installed, or nothing answers at the address.
    """
    try:
        import ray
        from ray import tune
    except ImportError as error:
        raise UserError(f"--runner=ray: {error}\npip install 'effjax[sweep]'") from error
    if scheduler not in SCHEDULERS:
        raise UserError(f"--scheduler={scheduler}: expected one of {', '.join(SCHEDULERS)}")
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "0")
    display.waiting("starting Ray")
    try:
        ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"no Ray cluster at --address={address}: {error}") from error
    for trial in trials:
        write_trial(trial.config, trial.workdir)
    if suggestions is None:
        folders = [str(trial.workdir.absolute()) for trial in trials]
        space, count, chosen = {"folder": tune.grid_search(folders), "metric": metric}, 1, None
    else:
        space, count, chosen = {}, suggestions.left(), suggestions.searcher()
    display.start(len(trials) if suggestions is None else count, unit="run")
    # a run ends by itself: what is told of its last step comes when it has ended, see `_tell`
    asha = tune.schedulers.ASHAScheduler(
        time_attr="step", metric=metric, mode=mode_of(metric), max_t=ENDLESS, reduction_factor=2
    )
    config = tune.TuneConfig(
        scheduler=asha if scheduler == "asha" else None,
        search_alg=chosen,
        num_samples=count,
        reuse_actors=False,
    )
    try:
        _fit(tune, space, config, workdir, display, {"cpu": cpus, "gpu": gpus})
    finally:
        ray.shutdown()
    for trial in suggestions.plan().trials if suggestions is not None else trials:
        if not is_over(trial.workdir):
            write_failure(trial.workdir, _why(trial, scheduler))


def _fit(
    tune: Any,
    space: dict[str, Any],
    config: Any,
    workdir: Path,
    display: Display,
    resources: dict[str, float],
) -> None:
    class Shown(tune.Callback):
        over = 0

        def on_trial_complete(self, *_: Any, **__: Any) -> None:
            self.over += 1
            display.update(self.over, {})

    tuner = tune.Tuner(
        tune.with_resources(train_in_ray, resources),
        param_space=space,
        tune_config=config,
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(workdir.absolute()),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            callbacks=[Shown()],
            verbose=0,
        ),
    )
    for result in tuner.fit():
        _bring_back(result)


def _bring_back(result: Any) -> None:
    """The folder of a run that was trained on a machine with a disk of its own."""
    folder = Path(result.config["folder"])
    if not (folder / CONFIG).exists() and result.checkpoint is not None:
        with result.checkpoint.as_directory() as kept:
            shutil.copytree(kept, folder, dirs_exist_ok=True)


def _why(trial: SweepTrial, scheduler: str) -> str:
    rows = read_rows(trial.workdir)
    step = max((row["step"] for row in rows), default=0)
    if scheduler == "asha" and step:
        return f"stopped by ASHA at step {step}"
    return f"lost at step {step}: see {log_path(trial.workdir)}"


def train_in_ray(config: dict[str, Any]) -> None:
    """One trial, on whatever machine Ray has chosen: a process, and its rows told to Ray."""
    from ray import tune

    folder, metric = Path(config["folder"]), config["metric"]
    checkpoint = tune.get_checkpoint()
    if checkpoint is not None and not (folder / CONFIG).exists():
        with checkpoint.as_directory() as kept:
            shutil.copytree(kept, folder, dirs_exist_ok=True)
    if is_over(folder) and not read_failure(folder):
        _tell(tune, folder, metric, 0, ended=True)
        return
    with log_path(folder).open("a") as log:
        process = subprocess.Popen(worker_command(folder), stdout=log, stderr=log)
    told = 0
    try:
        while process.poll() is None:
            told = _tell(tune, folder, metric, told, ended=False)
            time.sleep(POLL)
        _tell(tune, folder, metric, told, ended=True)
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    if not is_over(folder):
        raise RuntimeError(f"the run ended with status {process.returncode}")


def _tell(tune: Any, folder: Path, metric: str, told: int, ended: bool) -> int:
    """Reports the rows after step `told` that hold the metric; returns the last step told.

    Of a run that goes on the newest step is kept back: it may be the last one, and a scheduler
    that answers with a stop would end the run before it has written its summary.
    """
    rows = read_rows(folder)
    newest = max((row["step"] for row in rows), default=0)
    for row in rows:
        known = ended or row["step"] < newest
        if known and row["step"] > told and row.get(metric) is not None:
            told = row["step"]
            kept = tune.Checkpoint.from_directory(folder)
            tune.report({"step": told, metric: row[metric]}, checkpoint=kept)
    return told
