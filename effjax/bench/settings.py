"""Settings: what an optimizer was given, the rows of its seeds, and when they reached a target.

Times are taken from the curves, so a target may change after training. What is not finite, or not
there, is infinity here: it never wins and never reaches a target.
"""

import math
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from effjax.bench.rows import DONE, FAILED, Row, final_value, finite_or_nan
from effjax.report.profiles import MISSED, time_to_target

CLOCKS = ("steps", "examples", "seconds", "seconds with compilation")


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

    def finite_finals(self) -> list[float]:
        """The metric at the end of the seeds that have one."""
        return [value for value in self.finals() if math.isfinite(value)]

    @cached_property
    def final(self) -> float:
        """Mean over seeds; infinity if one of them has failed."""
        return statistics.fmean(self.finals())

    def times(self, clock: str = "steps") -> list[float]:
        """Time to target of each seed, in the order of seeds."""
        return [row_time(self.rows[seed], self.goal, clock) for seed in sorted(self.rows)]

    @property
    def failures(self) -> list[Row]:
        """Rows that diverged or raised."""
        return [row for row in self.rows.values() if row["status"] != DONE]


def row_time(row: Row, goal: Goal, clock: str = "steps") -> float:
    """The time to target of one trial on one of `CLOCKS`; `MISSED` if it was not reached."""
    values = row.get("values", {}).get(goal.metric, [])
    if goal.target is None or row["status"] == FAILED or not values:
        return MISSED
    times = clock_times(row, goal, clock)
    numbers = [finite_or_nan(value) for value in values]
    time = time_to_target(times, numbers, goal.target, lower_is_better=True)
    # reached, but nobody has measured when: it cannot be compared
    return MISSED if math.isnan(time) else time


def clock_times(row: Row, goal: Goal, clock: str) -> list[float]:
    """What a clock shows at each evaluation of a trial."""
    if clock == "steps":
        return row["steps"]
    if clock == "examples":
        return [step * goal.batch_size for step in row["steps"]]
    seconds = [finite_or_nan(value) for value in row["train_seconds"]]
    if clock == "seconds":
        return seconds
    # a program is compiled once for all of its trials; whoever trains one alone waits for all of it
    compilation = row.get("program_compile_seconds", row["compile_seconds"])
    return [value + compilation for value in seconds]


def gather_settings(
    rows: Iterable[Row], goals: Mapping[str, Goal]
) -> dict[tuple[str, str], list[Setting]]:
    """(workload, optimizer) -> its settings, of the workloads that have a goal."""
    by_seed: dict[tuple[str, str], dict[str, dict[int, Row]]] = {}
    numbers: dict[str, int] = {}
    for row in rows:
        if row["workload"] not in goals:
            continue
        # the text of the settings, sorted: rows of two folders may have other numbers for them
        setting = repr(sorted(row["settings"].items()))
        pair = row["workload"], row["optimizer"]
        by_seed.setdefault(pair, {}).setdefault(setting, {})[row["seed"]] = row
        numbers[setting] = row["number"]
    found = {}
    for (workload, optimizer), settings in by_seed.items():
        found[workload, optimizer] = []
        for text, seeds in settings.items():
            first = next(iter(seeds.values()))
            setting = Setting(numbers[text], first["settings"], seeds, goals[workload])
            found[workload, optimizer].append(setting)
    return found
