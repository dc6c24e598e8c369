"""Workloads that are configs of `effjax train`: each trial is an ordinary run in its own folder.

For what does not fit in memory or takes hours. A run that was interrupted continues where it was.
"""

import dataclasses
import functools
import math
import operator
from pathlib import Path
from typing import Any

import jax
import ml_collections
import numpy as np

from effjax.bench.program import Curves
from effjax.bench.tuning import LENGTH, OptimizerTrial, digest
from effjax.config import UNITS, View, changed, load, to_config
from effjax.errors import NonFinite, UserError
from effjax.report import Display
from effjax.runs.folder import CONFIG
from effjax.runs.metrics import median_step_seconds, read_rows
from effjax.runs.schema import OptimConfig, RunConfig, ScheduleConfig
from effjax.tasks.run import train
from effjax.training.extending import aside_folder

# keys of the recipe's optimizer that every optimizer keeps; further ones are hyperparameters
SHARED = {field.name for field in dataclasses.fields(OptimConfig)}
# keys of the schedule that belong to no shape
OF_EVERY_SCHEDULE = ("name", "extended")
# sections that cannot change a result
NO_PART_OF_IT = ("log", "checkpoint", "parallel")
# what a row has of held-out examples as a share that is right, by the name of the error
SHARES = {"val/error": "val/top1", "val/probe_error": "val/probe_top1"}

Row = dict[str, Any]  # of metrics.jsonl


def recipe_config(workload: View) -> ml_collections.ConfigDict:
    """The recipe without an optimizer of its own, as long as the workload says.

    Raises:
      UserError: the recipe cannot be read.
    """
    config = load(workload.recipe, [], RunConfig)
    with config.unlocked():
        _forget_length(config)
        _forget_schedule(config.schedule)
    for name in config.evals:
        for unit in UNITS:
            config.evals[name][f"every_{unit}"] = None
        config.evals[name].every_steps = float(workload.eval_every)
    config.total_steps = float(workload.max_steps)
    config.schedule.warmup_percent = workload.warmup_percent
    config.data.batch_size = workload.batch_size
    return config


def _forget_length(config: ml_collections.ConfigDict) -> None:
    for unit in UNITS:
        config[f"total_{unit}"] = None


def _forget_schedule(section: ml_collections.ConfigDict) -> None:
    """Leaves the schedule's name; what shapes it is the workload's."""
    declared = to_config(ScheduleConfig)
    for key in list(section):
        if key in OF_EVERY_SCHEDULE:
            continue
        # the schedule's own keys are declared by nobody, and go
        if key in declared:
            section[key] = declared[key]
        else:
            del section[key]


def recipe_fingerprint(workload: View) -> str:
    """A hash of what the recipe sets, all but the optimizer's own hyperparameters.

    Keys with their defaults are no part of it: one that a later revision adds would otherwise
    begin every trial anew.
    """
    config = recipe_config(workload)
    tree = View(config).to_dict()
    own = {}
    for path in changed(config, RunConfig):
        keys = path.split(".")
        if keys[0] not in ("optim", *NO_PART_OF_IT):
            own[path] = functools.reduce(operator.getitem, keys, tree)
    return digest(own)


def former_fingerprint(workload: View) -> str:
    """The hash as revisions before made it: of all keys, those with their defaults too."""
    tree = View(recipe_config(workload)).to_dict()
    for section in ("optim", *NO_PART_OF_IT):
        tree.pop(section)
    return digest(tree)


def trial_config(workload: View, trial: OptimizerTrial) -> ml_collections.ConfigDict:
    """The recipe with a trial's optimizer, schedule and seed."""
    config = recipe_config(workload)
    section = config.optim.default
    with config.unlocked():
        for key in list(section):
            if key not in SHARED:
                del section[key]
        section.update(name=trial.name, **trial.arguments)
    config.schedule.name = trial.schedule
    if LENGTH in trial.settings:
        _set_length(config, workload, trial)
    config.seed = trial.seed
    if jax.default_backend() == "cpu":
        # `split_cpu` makes every core a device; a run by itself is faster on all of them as one
        config.parallel.devices = 1
    return config


def _set_length(config: ml_collections.ConfigDict, workload: View, trial: OptimizerTrial) -> None:
    """A part of the workload's steps, with the warm-up of the whole."""
    config.total_steps = float(trial_steps(workload, trial))
    # a share of each length would be another warm-up for each
    config.schedule.warmup_percent = None
    config.schedule.warmup_steps = float(round(workload.warmup_percent / 100 * workload.max_steps))


def trial_steps(workload: View, trial: OptimizerTrial) -> int:
    """The steps of a trial's run."""
    return max(1, round(trial.settings.get(LENGTH, 1.0) * workload.max_steps))


def run_recipe(workload: View, trial: OptimizerTrial, folder: Path, display: Display) -> Curves:
    """Trains the recipe with a trial's optimizer, in a run's folder of its own.

    Raises:
      UserError: the recipe cannot be trained.
      Preempted: the process was asked to stop; the run can be continued.
    """
    config = trial_config(workload, trial)
    # a longer run of the same trunk branches off before the decay of the one that is there, and
    # what that one has trained past it stays in a folder of its own
    shares_trunk = LENGTH in trial.settings
    workdir = _folder_of(workload, trial.trunk(), folder)
    total = trial_steps(workload, trial)
    if shares_trunk and aside_folder(workdir, total).exists():
        return read_curves(workload, read_rows(aside_folder(workdir, total)), total)
    try:
        train(config, workdir, extend=shares_trunk, display=display)
    except NonFinite:
        # a run that diverged has rows up to there; one that has not begun is no result
        if not (workdir / CONFIG).exists():
            raise
    return read_curves(workload, read_rows(workdir), total)


def _folder_of(workload: View, trial: OptimizerTrial, folder: Path) -> Path:
    """Where the trial's run is; one that a revision before has begun is continued there."""
    former = folder / trial.key(former_fingerprint(workload))
    if former.exists():
        return former
    return folder / trial.key(recipe_fingerprint(workload))


def read_curves(workload: View, rows: list[Row], total: int | None = None) -> Curves:
    """The curves in a run's metrics; a run that broke off ends in NaN.

    Args:
      total: the steps that it was to make; None: the workload's.

    Raises:
      UserError: nothing was evaluated as val/*.
    """
    merged = rows_by_step(rows)
    steps = [step for step, row in merged.items() if _is_evaluation(row)]
    if not steps:
        raise UserError(f"the recipe {workload.recipe} evaluated nothing as val/*")
    # a column of NaN would count as a run that diverged: what a task does not measure is left out
    columns: dict[str, list[float]] = {"train/loss": []}
    if any("val/loss" in row for row in rows):
        columns["val/loss"] = []
    errors = {}
    for error, share in SHARES.items():
        if any(share in row for row in rows):
            errors[error] = share
            columns[error] = []
    train_loss = math.nan
    for step, row in merged.items():
        # losses are logged more often than is evaluated: the last one before counts
        train_loss = _number(row.get("train/loss", train_loss))
        if step in steps:
            columns["train/loss"].append(train_loss)
            if "val/loss" in columns:
                columns["val/loss"].append(_number(row.get("val/loss")))
            for error, share in errors.items():
                columns[error].append(1.0 - _number(row.get(share)))
    total = total or workload.max_steps
    if steps[-1] < total:
        steps.append(total)
        for column in columns.values():
            column.append(math.nan)
    seconds = median_step_seconds(rows)
    compiled = [row["perf/compile_sec"] for row in rows if row.get("perf/compile_sec")]
    return Curves(
        steps=steps,
        values={name: np.array([column]) for name, column in columns.items()},
        train_seconds_at=[seconds * step for step in steps],
        eval_seconds=0.0,
        compile_seconds=max(compiled, default=0.0),
        width=1,
    )


def rows_by_step(rows: list[Row]) -> dict[int, Row]:
    """{step: all that was logged at it}, in the order of steps."""
    found: dict[int, Row] = {}
    for row in sorted(rows, key=lambda row: row["step"]):
        found.setdefault(row["step"], {}).update(row)
    return found


def _is_evaluation(row: Row) -> bool:
    return any(key.startswith("val/") for key in row)


def _number(value: float | None) -> float:
    """JSON's null stands for a number that was not finite."""
    return math.nan if value is None else value
