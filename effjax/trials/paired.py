"""Variants times seeds as one table, with differences taken seed by seed.

A variant and its base that share a seed start from the same weights and see the same examples in
the same order. Their difference varies less over seeds than either value alone does, so that a few
seeds suffice.

    results = [Result(trial, value, facts={"parameters": 1000}) for ...]
    table = PairedTable(results, metric="val/top1", base="uniform")
    table.difference("found")        # Interval: estimate, low, high; None without a common seed
    table.verdict("found")           # "better", "worse" or "not distinguishable"
    header, body = table.cells({"params": lambda own: str(own[0].facts["parameters"])})
"""

import dataclasses
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from effjax.report import metric_names
from effjax.report.statistics import Interval, t_interval
from effjax.trials.trial import Trial

ABSENT = "-"
Cells = tuple[list[str], list[list[str]]]  # a header and rows of text


@dataclasses.dataclass(frozen=True)
class Result:
    """What came of a trial.

    Attributes:
      trial: what was trained.
      value: the metric at the end; None where there is none. NaN and infinity are stored as None,
        so that no mean and no comparison ever sees them.
      reason: why there is no value; "" where there is one.
      facts: anything else that a table shows, such as seconds or parameters.
    """

    trial: Trial
    value: float | None
    reason: str = ""
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            # the class is frozen, and this runs before anybody has seen the object
            object.__setattr__(self, "reason", self.reason or f"ended at {self.value}")
            object.__setattr__(self, "value", None)


class PairedTable:
    """Results by variant and seed.

    Args:
      results: in the order in which variants are to be listed.
      metric: what `Result.value` is. Its name says whether less is better.
      base: the variant that the others are compared with; None: the first.
      less_is_better: overrides what the metric's name says.
    """

    def __init__(
        self,
        results: Sequence[Result],
        metric: str,
        base: str | None = None,
        less_is_better: bool | None = None,
    ):
        self.metric = metric
        if less_is_better is None:
            less_is_better = metric_names.less_is_better(metric)
        self.less_is_better = less_is_better
        self._results: dict[str, list[Result]] = {}
        for result in results:
            self._results.setdefault(result.trial.variant, []).append(result)
        self.base = next(iter(self._results), "") if base is None else base

    @property
    def variants(self) -> list[str]:
        """Names in the order of the results."""
        return list(self._results)

    def results(self, variant: str) -> list[Result]:
        """All results of a variant, also those without a value."""
        return self._results.get(variant, [])

    def values(self, variant: str) -> dict[int | tuple[int, int], float]:
        """{seed: value}, or {(seed, fold): value}, of the trials of a variant that have one."""
        found: dict[int | tuple[int, int], float] = {}
        for result in self.results(variant):
            if result.value is not None:
                found[result.trial.repetition] = result.value
        return found

    def interval(self, variant: str) -> Interval:
        """The mean over seeds with Student's 95 % interval; NaN where no seed has a value."""
        return t_interval(list(self.values(variant).values()))

    def difference(self, variant: str, base: str | None = None) -> Interval | None:
        """The variant's metric minus the base's over their common seeds; None if there are none."""
        own = self.values(variant)
        partners = self.values(self.base if base is None else base)
        differences = [own[seed] - partners[seed] for seed in own if seed in partners]
        # the mean of the differences, not the difference of the means: a seed that one of the two
        # lacks counts in neither
        return t_interval(differences) if differences else None

    def verdict(self, variant: str, base: str | None = None) -> str:
        """ "better", "worse" or "not distinguishable" from the base, as the interval says."""
        difference = self.difference(variant, base)
        if difference is None:
            return ABSENT
        # a single seed has an endless interval: nothing can be said of it
        if difference.holds(0.0) or not math.isfinite(difference.low):
            return "not distinguishable"
        is_less = difference.estimate < 0
        return "better" if is_less == self.less_is_better else "worse"

    def cells(self, extra: Mapping[str, Callable[[list[Result]], str]] | None = None) -> Cells:
        """The table as text, one variant a row.

        Args:
          extra: {column: results of a variant -> text}, columns to the right of the common ones.
        """
        extra = extra or {}
        header = ["variant", self.metric, "deviation", "seeds", f"minus {self.base}", "verdict"]
        body = []
        for variant in self.variants:
            row = self._row(variant)
            # of failed results too: a failed trial may still know its parameters
            for describe in extra.values():
                row.append(describe(self.results(variant)))
            body.append(row)
        return [*header, *extra], body

    def _row(self, variant: str) -> list[str]:
        values = list(self.values(variant).values())
        mean = deviation = ABSENT
        if values:
            mean = f"{statistics.fmean(values):.4f}"
        if len(values) > 1:
            deviation = f"{statistics.stdev(values):.4f}"
        difference = ABSENT
        verdict = "base"
        if variant != self.base:
            difference = describe_difference(self.difference(variant))
            verdict = self.verdict(variant)
        seeds = f"{len(values)}/{len(self.results(variant))}"
        return [variant, mean, deviation, seeds, difference, verdict]


def describe_difference(difference: Interval | None) -> str:
    """ "+0.0120 (+0.0040 to +0.0200)"."""
    if difference is None:
        return ABSENT
    if not math.isfinite(difference.low):
        return f"{difference.estimate:+.4f} (one seed)"
    return f"{difference.estimate:+.4f} ({difference.low:+.4f} to {difference.high:+.4f})"
