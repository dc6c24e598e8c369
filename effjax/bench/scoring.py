"""From rows to scores: which setting is best, times to target, speed-ups, sensitivity.

A *setting* is what an optimizer was given; it was trained with several seeds. Times are taken from
the curves, so a target may change after training.
"""

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from effjax.bench.results import DIVERGED, DONE, FAILED, Row
from effjax.report.profiles import (
    MISSED,
    leave_one_out_ranks,
    profile_score,
    ratios,
    study_time,
    time_to_target,
)
from effjax.report.statistics import Comparison, Interval, bootstrap, compare_paired, expected_best

CLOCKS = ("steps", "examples", "seconds", "seconds with compilation")
NEAR = 0.01  # "within 1 % of the best"


@dataclass(frozen=True)
class Goal:
    """What counts on a workload.

    Attributes:
      metric: name of the curve, lower is better.
      target: value to reach, or None.
      max_steps, batch_size: of the workload.
    """

    metric: str
    target: float | None
    max_steps: int
    batch_size: int


@dataclass(frozen=True)
class Setting:
    """The rows of one setting, by seed."""

    number: int
    settings: Mapping[str, Any]
    rows: Mapping[int, Row]
    goal: Goal

    def finals(self) -> list[float]:
        """The metric at the end of each seed; infinity where there is none."""
        return [final_value(row, self.goal.metric) for row in self.rows.values()]

    @cached_property
    def final(self) -> float:
        """Mean over seeds."""
        return statistics.fmean(self.finals())

    def times(self, clock: str = "steps") -> list[float]:
        """Time to target of each seed, in the order of seeds."""
        return [row_time(self.rows[seed], self.goal, clock) for seed in sorted(self.rows)]

    @property
    def failures(self) -> list[Row]:
        """Rows that diverged or raised."""
        return [row for row in self.rows.values() if row["status"] != DONE]


def final_value(row: Row, metric: str) -> float:
    """The last value of a curve; infinity if the trial failed or diverged."""
    values = row.get("values", {}).get(metric) or [None]
    return math.inf if row["status"] != DONE or values[-1] is None else values[-1]


def row_time(row: Row, goal: Goal, clock: str = "steps") -> float:
    """The time to target of one trial on one of `CLOCKS`."""
    if goal.target is None or row["status"] == FAILED:
        return MISSED
    values = [math.nan if v is None else v for v in row["values"].get(goal.metric, [])]
    if not values:
        return MISSED
    at = {
        "steps": row["steps"],
        "examples": [step * goal.batch_size for step in row["steps"]],
        "seconds": row["train_seconds"],
    }
    compiled = row.get("program_compile_seconds", row["compile_seconds"])
    at["seconds with compilation"] = [s + compiled for s in row["train_seconds"]]
    return time_to_target(at[clock], values, goal.target, lower_is_better=True)


class Table:
    """All rows that count, by workload, optimizer and setting."""

    def __init__(self, rows: Iterable[Row], goals: Mapping[str, Goal], reference: str):
        self.goals, self.reference = dict(goals), reference
        gathered: dict[tuple[str, str], dict[str, dict[int, Row]]] = {}
        numbers: dict[str, int] = {}
        for row in rows:
            if row["workload"] in goals:
                setting = repr(sorted(row["settings"].items()))
                place = gathered.setdefault((row["workload"], row["optimizer"]), {})
                place.setdefault(setting, {})[row["seed"]] = row
                numbers[setting] = row["number"]
        self.settings: dict[tuple[str, str], list[Setting]] = {
            (workload, optimizer): [
                Setting(
                    numbers[name], next(iter(seeds.values()))["settings"], seeds, goals[workload]
                )
                for name, seeds in found.items()
            ]
            for (workload, optimizer), found in gathered.items()
        }
        self.workloads = [w for w in goals if any(w == pair[0] for pair in self.settings)]
        self.optimizers = list(dict.fromkeys(optimizer for _, optimizer in self.settings))

    def of(self, workload: str, optimizer: str) -> list[Setting]:
        """The settings that were tried; [] if none."""
        return self.settings.get((workload, optimizer), [])

    def best(self, workload: str, optimizer: str) -> Setting | None:
        """The setting that reaches the target first (median over seeds), then ends lowest.

        It is chosen by the seeds that it is then scored with: a little optimistic, equally for all.
        """
        found = self.of(workload, optimizer)
        if not found:
            return None
        return min(found, key=lambda s: (statistics.median_high(s.times()), s.final, s.number))

    def rows(self, optimizer: str) -> list[Row]:
        """All rows of an optimizer."""
        return [
            row
            for (_, name), found in self.settings.items()
            if name == optimizer
            for setting in found
            for row in setting.rows.values()
        ]

    # ------------------------------------------------------------------------------------ scores

    def times(self, clock: str = "steps") -> dict[str, dict[str, float]]:
        """optimizer -> workload -> AlgoPerf's time: median over seeds of the best trial's time.

        Only workloads with a target.
        """
        aimed = [w for w in self.workloads if self.goals[w].target is not None]
        return {
            name: {w: self._study_time(w, name, clock) for w in aimed} for name in self.optimizers
        }

    def _study_time(self, workload: str, optimizer: str, clock: str) -> float:
        found = self.of(workload, optimizer)
        seeds = sorted({seed for setting in found for seed in setting.rows})
        studies = [
            [row_time(s.rows[seed], s.goal, clock) for s in found if seed in s.rows]
            for seed in seeds
        ]
        return study_time(studies)

    def scores(self, clock: str = "steps", up_to: float = 4.0) -> dict[str, float]:
        """optimizer -> the integral of its performance profile."""
        times = self.times(clock)
        if not any(times.values()):
            return {}
        return {name: profile_score(own, up_to) for name, own in ratios(times).items()}

    def rank_ranges(self) -> dict[str, tuple[int, int]]:
        """optimizer -> best and worst rank when a workload is left out."""
        times = self.times()
        return leave_one_out_ranks(times) if any(times.values()) else {}

    def compare(self, optimizer: str, workloads: Sequence[str] | None = None) -> Comparison:
        """An optimizer against the reference: best settings, pairs of workload and seed, steps.

        A miss counts as one step more than the workload has.

        Args:
          workloads: None: all that have a target.
        """
        own, base, bounds = {}, {}, {}
        for workload in self.workloads if workloads is None else workloads:
            if self.goals[workload].target is None:
                continue
            pair = [self.best(workload, name) for name in (optimizer, self.reference)]
            if None in pair:
                continue
            seeds = sorted(set(pair[0].rows) & set(pair[1].rows))
            goal = self.goals[workload]
            own[workload], base[workload] = (
                [row_time(s.rows[seed], goal) for seed in seeds] for s in pair
            )
            bounds[workload] = goal.max_steps + 1.0
        return compare_paired(own, base, missed=bounds)

    def divergence(self, optimizer: str) -> tuple[int, int]:
        """(trials that diverged or raised, all trials)."""
        rows = self.rows(optimizer)
        return sum(row["status"] in (DIVERGED, FAILED) for row in rows), len(rows)

    def near_best(self, optimizer: str) -> float:
        """The share of settings whose final metric is within 1 % of the optimizer's best.

        1 % of the range from the best to what the workload's worst finite setting reaches, mean
        over workloads: high means forgiving.
        """
        shares = []
        for workload in self.workloads:
            finals = [s.final for s in self.of(workload, optimizer)]
            sound = [f for f in finals if math.isfinite(f)]
            if not sound:
                shares.append(0.0)
                continue
            best, worst = min(sound), self.worst(workload)
            near = [f for f in sound if f <= best + NEAR * max(worst - best, 0.0)]
            shares.append(len(near) / len(finals))
        return statistics.fmean(shares) if shares else math.nan

    def worst(self, workload: str) -> float:
        """The largest finite final metric of any setting: stands for a failure."""
        finals = [
            value
            for (w, _), found in self.settings.items()
            if w == workload
            for setting in found
            for value in setting.finals()
            if math.isfinite(value)
        ]
        return max(finals, default=math.nan)

    def expected_best(self, workload: str, optimizer: str) -> list[float]:
        """[k = 1, 2, ...]: the expected final metric of the best of k of the tried settings."""
        worst = self.worst(workload)
        finals = [min(s.final, worst) for s in self.of(workload, optimizer)]
        return [expected_best(finals, k, lower_is_better=True) for k in range(1, len(finals) + 1)]

    def final_interval(self, setting: Setting) -> Interval:
        """The final metric of a setting with a bootstrap interval over its seeds."""
        return bootstrap([[v for v in setting.finals() if math.isfinite(v)]])


def claim_verdict(comparison: Comparison, factor: float) -> str:
    """Whether "needs `factor` times fewer steps" holds here."""
    ratio = comparison.ratio
    if not comparison.pairs:
        return "not answered: no pair reached a target"
    if comparison.verdict == "faster" and ratio.high >= factor:
        return "true here"
    if ratio.high < factor:
        return "not true here"
    return "not distinguishable"


def choose_target(settings: Sequence[Setting], share: float) -> float:
    """A target as AlgoPerf makes them, from the trials of well-known optimizers.

    The best setting is the one with the lowest final metric (mean over seeds); the target is the
    median over its seeds of the best value that each had after `share` of its steps. AlgoPerf takes
    the whole run; a smaller share leaves the baseline itself room to reach it.
    """
    best = min(settings, key=lambda s: (s.final, s.number))
    goal = best.goal
    reached = []
    for row in best.rows.values():
        values = [
            value
            for step, value in zip(row["steps"], row["values"][goal.metric])
            if step <= share * goal.max_steps and value is not None
        ]
        reached.append(min(values))
    return statistics.median_high(reached)
