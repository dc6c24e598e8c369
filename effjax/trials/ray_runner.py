"""Trains runs as trials of Ray Tune, on one machine or a cluster.

Each trial is a process of its own that trains an ordinary run's folder. Its folder is also kept in
Ray's storage at every evaluation, so that a trial whose machine is lost continues elsewhere, with
or without a disk that the machines share.
"""

import dataclasses
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.folder import CONFIG
from effjax.runs.metrics import read_rows
from effjax.trials.ray_choices import SCHEDULERS, make_scheduler, make_searcher
from effjax.trials.ray_worker import train_in_ray
from effjax.trials.runners import log_path
from effjax.trials.suggest import Suggestions
from effjax.trials.trial import RunTrial
from effjax.trials.worker import is_over, write_failure, write_trial

RETRIES = 3  # of a trial whose process or machine was lost


@dataclasses.dataclass(frozen=True)
class RayOptions:
    """How Ray is to run the trials.

    Attributes:
      address: of a running cluster ("auto" finds one); None starts Ray on this machine.
      scheduler: "asha" stops the worse half of the runs at growing numbers of steps.
      cpus, gpus: what a run takes.
    """

    address: str | None = None
    scheduler: str = "none"
    cpus: float = 1.0
    gpus: float = 0.0


def run_ray(
    trials: Sequence[RunTrial],
    metric: str,
    workdir: Path,
    display: Display,
    *,
    suggestions: Suggestions | None = None,
    **options: Any,
) -> None:
    """Trains runs as trials of Ray Tune.

    Args:
      trials: that are not over; empty where `suggestions` says what to train.
      metric: what ASHA compares; its name says whether less is better.
      workdir: of the sweep; Ray keeps its own files in `ray/` below.
      suggestions: chooses the runs one after another.
      **options: see `RayOptions`.

    Raises:
      UserError: Ray is not installed, nothing answers at the address, or an option is wrong.
    """
    tune = _import_tune()
    chosen = check_options(RayOptions(**options))
    _start_ray(chosen.address, display)
    for trial in trials:
        write_trial(trial.config, trial.workdir)
    space: dict[str, Any] = {}
    searcher = None
    count = 1  # of the whole grid
    if suggestions is None:
        folders = [str(trial.workdir.absolute()) for trial in trials]
        # Ray trains in a folder of its own; relative paths of the config start from this one
        space = {
            "folder": tune.grid_search(folders),
            "metric": metric,
            "start_folder": str(Path.cwd()),
        }
        display.start(len(trials), unit="run")
    else:
        count = suggestions.left()
        searcher = make_searcher(suggestions)
        display.start(count, unit="run")
    config = tune.TuneConfig(
        scheduler=make_scheduler(tune, chosen.scheduler, metric),
        search_alg=searcher,
        num_samples=count,
        reuse_actors=False,
    )
    try:
        _fit(tune, space, config, workdir, display, {"cpu": chosen.cpus, "gpu": chosen.gpus})
    finally:
        # also after Ctrl-C: its processes would go on without us
        _stop_ray()
    for trial in trials if suggestions is None else suggestions.plan().trials:
        if not is_over(trial.workdir):
            write_failure(trial.workdir, _why_not_over(trial, chosen.scheduler))


def check_options(options: RayOptions) -> RayOptions:
    """Refuses what Ray could not run.

    Raises:
      UserError: naming the flag.
    """
    if options.scheduler not in SCHEDULERS:
        known = ", ".join(SCHEDULERS)
        raise UserError(f"--scheduler={options.scheduler}: expected one of {known}")
    if not 0 < options.cpus < float("inf"):
        raise UserError(f"--cpus={options.cpus:g}: expected more than 0")
    if not 0 <= options.gpus < float("inf"):
        raise UserError(f"--gpus={options.gpus:g}: expected 0 or more")
    return options


def _import_tune() -> Any:
    # The second version of Ray Train has another API for reports and checkpoints. Ray reads this
    # when it is imported, here and in its processes.
    os.environ.setdefault("RAY_TRAIN_V2_ENABLED", "0")
    try:
        from ray import tune
    except ImportError as error:
        raise UserError(f"--runner=ray: {error}\npip install 'effjax[sweep]'") from error
    return tune


def _start_ray(address: str | None, display: Display) -> None:
    import ray

    display.waiting("starting Ray")
    try:
        ray.init(address=address, log_to_driver=False, ignore_reinit_error=True)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise UserError(f"no Ray cluster at --address={address}: {error}") from error


def _stop_ray() -> None:
    import ray

    ray.shutdown()


def _fit(
    tune: Any,
    space: dict[str, Any],
    config: Any,
    workdir: Path,
    display: Display,
    resources: dict[str, float],
) -> None:
    class CountEnded(tune.Callback):
        """Moves the progress bar."""

        ended = 0

        def on_trial_complete(self, *_: Any, **__: Any) -> None:
            self.ended += 1
            display.update(self.ended, {})

    tuner = tune.Tuner(
        tune.with_resources(train_in_ray, resources),
        param_space=space,
        tune_config=config,
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(workdir.absolute()),
            failure_config=tune.FailureConfig(max_failures=RETRIES),
            checkpoint_config=tune.CheckpointConfig(num_to_keep=1),
            callbacks=[CountEnded()],
            verbose=0,
        ),
    )
    for result in tuner.fit():
        _bring_back(result)


def _bring_back(result: Any) -> None:
    """Copies the folder of a run that was trained on a machine with a disk of its own."""
    folder = Path(result.config["folder"])
    if (folder / CONFIG).exists() or result.checkpoint is None:
        return
    with result.checkpoint.as_directory() as kept:
        shutil.copytree(kept, folder, dirs_exist_ok=True)


def _why_not_over(trial: RunTrial, scheduler: str) -> str:
    steps = [row["step"] for row in read_rows(trial.workdir)]
    step = max(steps, default=0)
    if scheduler == "asha" and step:
        return f"stopped by ASHA at step {step}"
    return f"lost at step {step}: see {log_path(trial.workdir)}"
