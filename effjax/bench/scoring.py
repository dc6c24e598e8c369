"""From settings to scores: which one is best, times to target, speed-ups, sensitivity, claims.

What is not finite, or not there, is infinity here: it never wins, never reaches a target, and is in
no mean that a table shows as a number.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence

from effjax.bench.rows import DONE, Row, final_value
from effjax.bench.settings import Goal, Setting, gather_settings, row_time
from effjax.report.profiles import (
    leave_one_out_ranks,
    profile_score,
    ratios,
    study_time,
)
from effjax.report.statistics import Comparison, Interval, bootstrap, compare_paired, expected_best
from effjax.trials.paired import PairedTable, Result
from effjax.trials.trial import Trial

NEAR = 0.01  # "within 1 % of the best"

Times = dict[str, dict[str, float]]  # optimizer -> workload -> time to target


class Scores:
    """All rows that count, by workload, optimizer and setting."""

    def __init__(self, rows: Iterable[Row], goals: Mapping[str, Goal], reference: str):
        self.goals = dict(goals)
        self.reference = reference
        self.settings = gather_settings(rows, goals)
        # in the config's order, whatever the order of the rows
        with_rows = {workload for workload, _ in self.settings}
        self.workloads = [workload for workload in goals if workload in with_rows]
        self.optimizers = list(dict.fromkeys(optimizer for _, optimizer in self.settings))

    def of(self, workload: str, optimizer: str) -> list[Setting]:
        """The settings that were tried; [] if none."""
        return self.settings.get((workload, optimizer), [])

    def aimed(self) -> list[str]:
        """The workloads that have a target."""
        return [w for w in self.workloads if self.goals[w].target is not None]

    def best(self, workload: str, optimizer: str) -> Setting | None:
        """The setting that reaches the target first (median over seeds), then ends lowest.

        It is chosen by the seeds that it is then scored with: a little optimistic, equally for all.
        """
        found = self.of(workload, optimizer)
        if not found:
            return None

        def order(setting: Setting) -> tuple[float, float, int]:
            # the number last: between equals the choice does not depend on the order of rows
            return statistics.median_high(setting.times()), setting.final, setting.number

        return min(found, key=order)

    def rows(self, optimizer: str) -> list[Row]:
        """All rows of an optimizer."""
        found = []
        for (_, name), settings in self.settings.items():
            if name == optimizer:
                for setting in settings:
                    found.extend(setting.rows.values())
        return found

    # ------------------------------------------------------------------------------------ scores

    def times(self, clock: str = "steps") -> Times:
        """optimizer -> workload -> AlgoPerf's time: median over seeds of the best trial's time.

        Only workloads with a target.
        """
        aimed = self.aimed()
        found = {}
        for name in self.optimizers:
            found[name] = {w: self._study_time(w, name, clock) for w in aimed}
        return found

    def _study_time(self, workload: str, optimizer: str, clock: str) -> float:
        """A study is one seed; its trials are the settings."""
        studies: dict[int, list[float]] = {}
        for setting in self.of(workload, optimizer):
            for seed, row in setting.rows.items():
                studies.setdefault(seed, []).append(row_time(row, setting.goal, clock))
        return study_time(list(studies.values()))

    def scores(self, clock: str = "steps", up_to: float = 4.0) -> dict[str, float]:
        """optimizer -> the integral of its performance profile; {} without any target."""
        times = self.times(clock)
        if not any(times.values()):
            return {}
        return {name: profile_score(own, up_to) for name, own in ratios(times).items()}

    def rank_ranges(self) -> dict[str, tuple[int, int]]:
        """optimizer -> best and worst rank when a workload is left out; {} without any target."""
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
            goal = self.goals[workload]
            ours = self.best(workload, optimizer)
            theirs = self.best(workload, self.reference)
            if goal.target is None or ours is None or theirs is None:
                continue
            # a seed that one of the two lacks has no partner
            seeds = sorted(set(ours.rows) & set(theirs.rows))
            own[workload] = [row_time(ours.rows[seed], goal) for seed in seeds]
            base[workload] = [row_time(theirs.rows[seed], goal) for seed in seeds]
            bounds[workload] = goal.max_steps + 1.0
        return compare_paired(own, base, missed=bounds)

    def finals(self, workload: str) -> PairedTable:
        """What the best settings reached at the end, seed by seed against the reference."""
        metric = self.goals[workload].metric
        results = []
        for name in self.optimizers:
            best = self.best(workload, name)
            if best is None:
                continue
            for seed, row in best.rows.items():
                trial = Trial(variant=name, seed=seed, settings=best.settings)
                results.append(Result(trial, final_value(row, metric), row["reason"]))
        return PairedTable(results, metric, self.reference, less_is_better=True)

    def divergence(self, optimizer: str) -> tuple[int, int]:
        """(trials that diverged or raised, all trials)."""
        rows = self.rows(optimizer)
        return sum(row["status"] != DONE for row in rows), len(rows)

    def near_best(self, optimizer: str) -> float:
        """The share of settings whose final metric is within 1 % of the optimizer's best.

        1 % of the range from the best to what the workload's worst finite setting reaches, mean
        over workloads: high means forgiving.
        """
        shares = []
        for workload in self.workloads:
            finals = [setting.final for setting in self.of(workload, optimizer)]
            finite = [value for value in finals if math.isfinite(value)]
            if not finite:  # nothing worked: as unforgiving as can be
                shares.append(0.0)
                continue
            best = min(finite)
            tolerance = NEAR * max(self.worst(workload) - best, 0.0)
            near = sum(value <= best + tolerance for value in finite)
            shares.append(near / len(finals))
        return statistics.fmean(shares) if shares else math.nan

    def worst(self, workload: str) -> float:
        """The largest finite final metric of any setting; infinity where all have failed."""
        finite = []
        for setting in self._all_of(workload):
            finite.extend(setting.finite_finals())
        return max(finite, default=math.inf)

    def _all_of(self, workload: str) -> Iterator[Setting]:
        for (name, _), settings in self.settings.items():
            if name == workload:
                yield from settings

    def expected_best(self, workload: str, optimizer: str) -> list[float]:
        """[k = 1, 2, ...]: the expected final metric of the best of k of the tried settings.

        A setting that failed counts as the worst that any reached; [] where all have failed.
        """
        worst = self.worst(workload)
        if not math.isfinite(worst):
            return []
        finals = [min(setting.final, worst) for setting in self.of(workload, optimizer)]
        counts = range(1, len(finals) + 1)
        return [expected_best(finals, k, lower_is_better=True) for k in counts]

    def final_interval(self, setting: Setting) -> Interval:
        """The final metric of a setting with a bootstrap interval over its finite seeds."""
        return bootstrap([setting.finite_finals()])


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


def workload_verdict(comparison: Comparison, factor: float) -> str:
    """The same of one workload, by Student's interval over its seeds."""
    if not comparison.pairs:
        return "not answered"
    if comparison.student.high < factor:
        return "not true here"
    if comparison.student.low > 1.0:
        return "true here"
    return "cannot be told"
