"""What a claim asks of its rows, and the three answers: true here, not true here, cannot be told.

    Better("star_relu", "gelu").answer(rows, less_is_better=False)
    Answer(word="true here", measured="+0.41 [+0.12, +0.70], 5 pairs")

An answer is about what was trained here. It holds for networks and data of this size alone.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from effjax.claims.row import Row
from effjax.report.statistics import Interval, compare_paired, t_interval

TRUE, FALSE, UNKNOWN, OPEN = "true here", "not true here", "cannot be told", "open"
Values = dict[str, dict[str, float]]  # arm -> pair -> value


@dataclasses.dataclass(frozen=True)
class Answer:
    """What the rows say.

    Attributes:
      word: one of `TRUE`, `FALSE`, `UNKNOWN`, `OPEN`.
      measured: the interval in words; "" where there are no rows.
      interval: of a single comparison.
    """

    word: str
    measured: str
    interval: Interval | None = None


NO_ROWS = Answer(OPEN, "")


@dataclasses.dataclass(frozen=True)
class Better:
    """The arm's metric is better than the base's, by more than `by`.

    Attributes:
      arm, base: names of arms.
      by: in the unit that is shown; 0: better at all.
      scale: what a value is multiplied with, such as 100 for percentages.
      unit: of what is shown.
    """

    arm: str
    base: str
    by: float = 0.0
    scale: float = 1.0
    unit: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All that need rows."""
        return (self.base, self.arm)

    def answer(self, rows: Sequence[Row], less_is_better: bool) -> Answer:
        """From the differences of pairs, with Student's 95 % interval."""
        difference = paired_difference(values_of(rows), self.arm, self.base, self.scale)
        if difference is None:
            return NO_ROWS
        measured = f"{self.arm} minus {self.base}: {in_words(difference, self.unit)}"
        # a metric of which less is better is turned round, so that above `by` is better
        low, high = difference.interval.low, difference.interval.high
        if less_is_better:
            low, high = -high, -low
        word = UNKNOWN
        if low > self.by:
            word = TRUE
        elif high < self.by:
            word = FALSE
        return Answer(word, measured, difference.interval)


@dataclasses.dataclass(frozen=True)
class Alike:
    """No arm differs from the base by more than a margin.

    Attributes:
      others: the arms that are compared with the base.
      margin: in the unit that is shown.
    """

    others: tuple[str, ...]
    base: str
    margin: float
    scale: float = 1.0
    unit: str = ""

    @property
    def arms(self) -> tuple[str, ...]:
        """All that need rows."""
        return (self.base, *self.others)

    def answer(self, rows: Sequence[Row], less_is_better: bool) -> Answer:
        """True where all intervals lie inside the margin, false where one lies outside of it."""
        values = values_of(rows)
        found = {arm: paired_difference(values, arm, self.base, self.scale) for arm in self.others}
        known = {arm: difference for arm, difference in found.items() if difference is not None}
        if not known:
            return NO_ROWS
        said = [f"{arm} {in_words(difference, self.unit)}" for arm, difference in known.items()]
        measured = f"minus {self.base}: {'; '.join(said)}"
        if any(self._is_outside(difference.interval) for difference in known.values()):
            return Answer(FALSE, measured)
        is_whole = len(known) == len(self.others)
        if is_whole and all(self._is_inside(one.interval) for one in known.values()):
            return Answer(TRUE, measured)
        return Answer(UNKNOWN, measured)

    def _is_inside(self, interval: Interval) -> bool:
        return -self.margin <= interval.low and interval.high <= self.margin

    def _is_outside(self, interval: Interval) -> bool:
        return interval.low > self.margin or interval.high < -self.margin


@dataclasses.dataclass(frozen=True)
class Times:
    """The arm has `factor` times less of something than the base: steps, seconds, error.

    Pairs are called "workload seed", or "seed" alone; all seeds of a workload are one group. True
    where the arm is faster and the interval reaches the factor, false where all of the interval
    lies below it.
    """

    arm: str
    base: str
    factor: float

    @property
    def arms(self) -> tuple[str, ...]:
        """All that need rows."""
        return (self.base, self.arm)

    def answer(self, rows: Sequence[Row], less_is_better: bool) -> Answer:
        """From the geometric mean of base / arm, with a bootstrap interval over pairs."""
        values = values_of(rows)
        ours, theirs = values.get(self.arm, {}), values.get(self.base, {})
        common = [pair for pair in ours if pair in theirs]
        if not common:
            return NO_ROWS
        groups = sorted({workload_of(pair) for pair in common})
        own = {group: _of_group(ours, common, group) for group in groups}
        base = {group: _of_group(theirs, common, group) for group in groups}
        found = compare_paired(own, base, missed=dict.fromkeys(groups, math.inf))
        ratio = found.ratio
        spread = f" [{ratio.low:.2f}, {ratio.high:.2f}], {found.pairs} pairs"
        if found.pairs == 1:
            spread = ", one pair"
        measured = f"{self.base} / {self.arm} = {ratio.estimate:.2f}{spread}"
        if self.factor != 1.0:  # 1: faster at all
            measured += f", claimed {self.factor:g}"
        if ratio.high < self.factor:
            return Answer(FALSE, measured, ratio)
        word = TRUE if found.verdict == "faster" else UNKNOWN
        return Answer(word, measured, ratio)


Question = Better | Alike | Times


@dataclasses.dataclass(frozen=True)
class Difference:
    """A mean of paired differences.

    Attributes:
      interval: Student's, 95 %.
      pairs: how many.
    """

    interval: Interval
    pairs: int


def values_of(rows: Sequence[Row]) -> Values:
    """The values by arm and pair; of a pair that was measured twice, the last counts."""
    found: Values = {}
    for row in rows:
        if row.value is not None:
            found.setdefault(row.arm, {})[row.pair] = row.value
    return found


def paired_difference(values: Values, arm: str, base: str, scale: float) -> Difference | None:
    """Arm minus base over the pairs that both have; None without one."""
    ours, theirs = values.get(arm, {}), values.get(base, {})
    differences = [scale * (ours[pair] - theirs[pair]) for pair in ours if pair in theirs]
    if not differences:
        return None
    return Difference(t_interval(differences), len(differences))


def in_words(difference: Difference, unit: str) -> str:
    """ "+0.41 points [+0.12, +0.70], 5 pairs"."""
    interval = difference.interval
    amount = f"{interval.estimate:+.3g}{unit and ' ' + unit}"
    if difference.pairs == 1:
        return f"{amount}, one pair"
    return f"{amount} [{interval.low:+.3g}, {interval.high:+.3g}], {difference.pairs} pairs"


def workload_of(pair: str) -> str:
    """ "digits" of "digits 0"; nothing of "0"."""
    return pair.rpartition(" ")[0]


def _of_group(values: Mapping[str, float], pairs: Sequence[str], group: str) -> list[float]:
    return [values[pair] for pair in pairs if workload_of(pair) == group]
