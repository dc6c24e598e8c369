"""Targets: made by a procedure from raw rows, and kept with the hash of what they belong to.

A targets file is JSON: {"how": ..., "targets": {workload: {"problem_hash", "target", "metric",
"setting", ...}}}. The rows behind it are those of a baseline folder.
"""

import json
import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypedDict

import ml_collections

from effjax.bench.results import ResultsFolder
from effjax.bench.rows import DONE, Row, finite_or_nan
from effjax.bench.scoring import Scores
from effjax.bench.settings import Goal, Setting
from effjax.bench.workloads import Workload
from effjax.config import View, read_json
from effjax.errors import UserError
from effjax.report import Display
from effjax.trials.json_files import write_text


class TargetEntry(TypedDict):
    """What is read of one entry."""

    target: float


class TargetsFile(TypedDict):
    """What is read of a targets file."""

    targets: dict[str, TargetEntry]


@dataclass(frozen=True)
class Target:
    """A target and where it comes from.

    Attributes:
      value: of the workload's metric.
      optimizer, settings, seeds: the best setting, that the value was taken from.
      trials: how many finished ones it was the best of.
    """

    metric: str
    value: float
    optimizer: str
    settings: dict[str, Any]
    seeds: list[int]
    trials: int

    def __str__(self) -> str:
        settings = ", ".join(f"{key} {value}" for key, value in self.settings.items())
        seeds = ", ".join(map(str, self.seeds))
        return (
            f"{self.metric} <= {self.value:g}, from {self.optimizer} ({settings}), "
            f"seeds {seeds}, the best of {self.trials} trials"
        )


def choose_target(settings: Sequence[Setting], share: float) -> float:
    """A target as AlgoPerf makes them, from the trials of well-known optimizers.

    The best setting is the one with the lowest final metric (mean over seeds); the target is the
    median over its seeds of the best value that each had after `share` of its steps. AlgoPerf takes
    the whole run; a smaller share leaves the baseline itself room to reach it.

    Returns:
      Infinity where no setting has finished with all seeds, or none was evaluated that early.
    """
    best = best_setting(settings)
    # if even the best has failed with a seed, all have
    if not math.isfinite(best.final):
        return math.inf
    last_step = share * best.goal.max_steps
    reached = []
    for row in best.rows.values():
        values = row["values"][best.goal.metric]
        early = [value for step, value in zip(row["steps"], values) if step <= last_step]
        numbers = [finite_or_nan(value) for value in early]
        reached.append(min((n for n in numbers if math.isfinite(n)), default=math.inf))
    # of two seeds the worse: a target that half of the seeds miss would be none
    return statistics.median_high(reached)


def best_setting(settings: Sequence[Setting]) -> Setting:
    """The setting with the lowest final metric, mean over seeds; one with a failed seed is last."""
    return min(settings, key=lambda setting: (setting.final, setting.number))


def propose_target(view: View, workload: Workload, rows: Sequence[Row]) -> Target | None:
    """The target that the rows of `config.targets_from` give to a workload; None without such rows.

    Args:
      rows: of the workload and of others.
    """
    config = workload.config
    # without the target that there may be: it must not choose the setting of the next
    goal = Goal(config.metric, None, config.max_steps, config.batch_size)
    own = []
    for row in rows:
        is_of_workload = row["problem_hash"] == workload.identity["problem_hash"]
        if is_of_workload and row["optimizer"] in view.targets_from:
            # rows that were merged may call the workload something else
            own.append(row | {"workload": workload.label})
    if not own:
        return None
    scores = Scores(own, {workload.label: goal}, view.reference)
    settings = []
    for name in scores.optimizers:
        settings.extend(scores.of(workload.label, name))
    value = choose_target(settings, view.targets_share)
    if not math.isfinite(value):
        return None
    best = best_setting(settings)
    return Target(
        metric=goal.metric,
        value=float(f"{value:.4g}"),  # more digits than seeds can carry help nobody
        optimizer=next(iter(best.rows.values()))["optimizer"],
        settings=dict(best.settings),
        seeds=sorted(best.rows),
        trials=sum(row["status"] == DONE for row in own),
    )


def write_targets(
    path: Path,
    view: View,
    workloads: Sequence[Workload],
    results: ResultsFolder,
    display: Display,
) -> None:
    """Makes the targets of workloads from the rows of `config.targets_from`, and says which.

    A workload without such rows has no entry.

    Raises:
      UserError: there is none at all, or the file cannot be written.
    """
    found = {}
    for workload in workloads:
        target = propose_target(view, workload, results.rows)
        if target is None:
            display.warn(f"{workload.label}: no target, as {no_rows(view)}")
            continue
        display.line(f"{workload.label}: {target}")
        found[workload.label] = {
            "problem_hash": workload.identity["problem_hash"],
            "metric": target.metric,
            "target": target.value,
            "setting": {"optimizer": target.optimizer, **target.settings},
            "seeds": target.seeds,
            "trials": target.trials,
        }
    if not found:
        raise UserError(f"{no_rows(view)} on any workload; run them first")
    content = {"how": describe_procedure(view), "targets": found}
    write_text(path, json.dumps(content, indent=2) + "\n")
    display.line(f"targets of {len(found)} workloads written to {path}")


def no_rows(view: View) -> str:
    """Why there is no target."""
    return f"no finished trial of {', '.join(view.targets_from)}"


def describe_procedure(view: View) -> str:
    """How targets are made, in words."""
    return (
        f"best final {', '.join(view.targets_from)} setting (mean over seeds); median over "
        f"seeds of the best value within {view.targets_share:.0%} of the steps"
    )


def use_targets(workloads: ml_collections.ConfigDict, path: Path) -> None:
    """Gives the workloads of a config the targets of a file; those it does not name keep theirs.

    Raises:
      UserError: the file is missing or damaged.
    """
    remedy = f"make them: effjax bench --config=F --make-targets={path}"
    targets = read_json(path, TargetsFile, remedy)["targets"]
    for label, entry in targets.items():
        if label in workloads:  # a config may leave some out
            workloads[label].target = entry["target"]
