"""How well zero-cost scores rank the networks of a table.

Shapes: N networks.
"""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from effjax.errors import UserError
from effjax.report import Display
from effjax.report.correlations import plot_correlations
from effjax.report.statistics import Interval, bootstrap
from effjax.search.table import Row, Table

LEAST = 5  # networks, below which no interval says anything
COSTS = ("params", "macs")
RESAMPLES = 1000


@dataclasses.dataclass(frozen=True)
class Correlation:
    """How a score ranks networks, with 95 % intervals over the networks.

    Attributes:
      networks: those for which the score is a number.
      is_constant: all networks have the same score, which ranks nothing.
      top: the mean value of the tenth of the networks that the score ranks first.
    """

    name: str
    spearman: Interval
    kendall: Interval
    networks: int
    is_constant: bool
    top: float


def correlations(table: Table) -> list[Correlation]:
    """Every score of a table and both costs, the best first.

    Raises:
      UserError: fewer than five networks.
    """
    if len(table.rows) < LEAST:
        raise UserError(
            f"the table has {len(table.rows)} networks; a correlation takes {LEAST} or more"
        )
    values = np.array([row.value for row in table.rows])
    names = dict.fromkeys(COSTS)  # as a set that keeps its order
    for row in table.rows:
        names |= dict.fromkeys(row.scores)
    found = []
    for name in names:
        scores = np.array([_score(row, name) for row in table.rows])
        is_number = np.isfinite(scores)
        if is_number.sum() >= LEAST:
            found.append(correlate(name, scores[is_number], values[is_number]))
    found.append(between_seeds(table))
    return sorted(found, key=lambda one: -one.spearman.estimate)


def _score(row: Row, name: str) -> float:
    if name in COSTS:
        return float(row.costs[name])
    value = row.scores.get(name)
    return np.nan if value is None else value


def between_seeds(table: Table) -> Correlation:
    """How one seed ranks what another reached: what no score can be expected to pass by much."""
    first = np.array([row.values[0] for row in table.rows])
    last = np.array([row.values[-1] for row in table.rows])
    return correlate("another seed", first, last)


def correlate(name: str, scores: np.ndarray, values: np.ndarray) -> Correlation:
    """The correlations of [N] scores with [N] values."""
    tenth = max(1, len(scores) // 10)
    first = np.argsort(-scores, kind="stable")[:tenth]
    return Correlation(
        name=name,
        spearman=_interval(spearman, scores, values),
        kendall=_interval(kendall, scores, values),
        networks=len(scores),
        is_constant=bool((scores == scores[0]).all()),
        top=float(values[first].mean()),
    )


def _interval(
    statistic: Callable[[np.ndarray, np.ndarray], float], scores: np.ndarray, values: np.ndarray
) -> Interval:
    """Networks are redrawn with both of their numbers."""

    def of_networks(groups: Sequence[np.ndarray]) -> float:
        (pairs,) = groups  # [N, 2]
        return statistic(pairs[:, 0], pairs[:, 1])

    pairs = np.stack([scores, values], axis=1)
    return bootstrap([pairs], of_networks, resamples=RESAMPLES)


def spearman(a: np.ndarray, b: np.ndarray) -> float:
    """The correlation of ranks; 0 where all of one side are equal."""
    ranks = [ranked(side) for side in (a, b)]
    if any(side.std() == 0 for side in ranks):
        return 0.0
    return float(np.corrcoef(*ranks)[0, 1])


def kendall(a: np.ndarray, b: np.ndarray) -> float:
    """Kendall's tau-b: pairs in the same order less those in the other, ties taken out.

    0 where all of one side are equal.
    """
    # [N, N]: 1 where the first of a pair is larger, -1 where it is smaller, 0 in a tie
    order_of_a = np.sign(a[:, None] - a)
    order_of_b = np.sign(b[:, None] - b)
    divisor = np.sqrt((order_of_a**2).sum() * (order_of_b**2).sum())
    if not divisor:
        return 0.0
    return float((order_of_a * order_of_b).sum() / divisor)


def ranked(values: np.ndarray) -> np.ndarray:
    """Ranks from 0; equal values share the mean of theirs."""
    below = (values[:, None] > values).sum(1)
    equal = (values[:, None] == values).sum(1)  # itself among them
    return below + (equal - 1) / 2


def show_correlations(table: Table, path: Path, display: Display) -> Sequence[Correlation]:
    """A table and a picture."""
    found = correlations(table)
    rows = []
    for one in found:
        if one.is_constant:
            rows.append((one.name, "the same for all", "", ""))
            continue
        rows.append((one.name, _in_words(one.spearman), _in_words(one.kendall), f"{one.top:.4f}"))
    seeds = min(len(row.values) for row in table.rows)
    title = f"{len(table.rows)} networks, {seeds} trainings each; 95 % intervals over networks"
    header = ("score", "Spearman", "Kendall", f"{table.metric} of its first tenth")
    display.table(title, rows, header, right=(1, 2, 3))
    best = max(row.value for row in table.rows)
    mean = float(np.mean([row.value for row in table.rows]))
    display.line(f"best of all {best:.4f}, mean {mean:.4f}")
    estimates = {one.name: one.spearman for one in found if not one.is_constant}
    plot_correlations(estimates, ("another seed", *COSTS), path, title)
    display.line(f"picture: {path}")
    return found


def _in_words(interval: Interval) -> str:
    return f"{interval.estimate:+.2f} [{interval.low:+.2f}, {interval.high:+.2f}]"
