"""What came of a comparison of small networks: its table, its files, its picture.

The rows without a budget are those of the large network.
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.report import Display
from effjax.report.cuts import plot_cuts
from effjax.report.statistics import t_interval
from effjax.runs.atomic import write_atomically
from effjax.trials.paired import PairedTable, Result, describe_difference
from effjax.trials.runs_table import write_runs
from effjax.trials.trial import Trial

COMPARE, PICTURE = "compare.json", "compare.png"
ORIGINAL, BASE = "original", "pruned"
WHOLE = ""  # the budget of a network that was not cut
METRIC = "val/top1"


@dataclasses.dataclass(frozen=True)
class Row:
    """What one training has reached.

    Attributes:
      arm, budget, seed: which; the large network has no budget.
      value: of the metric; None where there is none, `reason` says why.
      costs: {"params", "macs", "latency"} of the network.
    """

    arm: str
    budget: str
    seed: int
    value: float | None
    reason: str
    costs: Mapping[str, float]


def paired(
    rows: Sequence[Row],
    budget: str,
    base: str = BASE,
) -> PairedTable:
    """The arms of one budget, with differences from one of them seed by seed."""
    results = []
    for row in rows:
        if row.budget in (budget, WHOLE):
            results.append(Result(Trial(variant=row.arm, seed=row.seed), row.value, row.reason))
    return PairedTable(results, METRIC, base=base)


def table_rows(
    rows: Sequence[Row],
    budgets: Sequence[str],
    base: str = BASE,
) -> list[list[str]]:
    """A line for each budget and arm."""
    whole = [row for row in rows if row.budget == WHOLE]
    lines = []
    for budget in budgets:
        table = paired(rows, budget, base)
        for arm in table.variants:
            own = _of(rows, budget, arm) or whole
            difference = ""
            verdict = "base"
            if arm != base:
                difference = describe_difference(table.difference(arm))
                verdict = table.verdict(arm)
            value = f"{table.interval(arm).estimate:.4f}"
            shares = [_share(own, whole, unit) for unit in ("params", "macs", "latency")]
            lines.append([budget, arm, value, difference, verdict, *shares])
    return lines


def _of(
    rows: Sequence[Row],
    budget: str,
    arm: str,
) -> list[Row]:
    return [row for row in rows if (row.budget, row.arm) == (budget, arm)]


def _share(
    own: Sequence[Row],
    whole: Sequence[Row],
    unit: str,
) -> str:
    """What networks cost, as a share of the originals."""
    cost = sum(row.costs[unit] for row in own) / len(own)
    of_original = sum(row.costs[unit] for row in whole) / len(whole)
    return f"{100 * cost / of_original:.0f} %"


def report(
    rows: Sequence[Row],
    budgets: Sequence[str],
    folder: Path,
    display: Display,
    base: str = BASE,
) -> None:
    """Shows the table, what failed, and where the picture is."""
    header = ("budget", "arm", METRIC, f"minus {base}", "verdict", "params", "macs", "ms")
    large = next(row.arm for row in rows if row.budget == WHOLE)
    title = f"means over seeds; differences seed by seed with 95 % intervals; costs of the {large}"
    display.table(title, table_rows(rows, budgets, base), header, right=(2, 5, 6, 7))
    for row in rows:
        if row.value is None:
            display.line(f"{row.arm} at {row.budget}, seed {row.seed} does not count: {row.reason}")
    display.line(f"picture: {folder / PICTURE}")


def write(
    rows: Sequence[Row],
    folder: Path,
) -> None:
    """compare.json and runs.csv as they stand."""
    data = [dataclasses.asdict(row) for row in rows]
    write_atomically(folder / COMPARE, json.dumps(data, indent=1) + "\n")
    results = []
    for row in rows:
        arm = f"{row.arm} {row.budget}".strip()
        results.append(Result(Trial(variant=arm, seed=row.seed), row.value, row.reason))
    write_runs(folder, METRIC, results)


def draw(
    rows: Sequence[Row],
    budgets: Sequence[str],
    arms: Sequence[str],
    folder: Path,
) -> None:
    """compare.png: accuracy against multiply-adds and against milliseconds."""
    curves = {}
    for arm in arms:
        for budget in budgets:
            own = [row for row in _of(rows, budget, arm) if row.value is not None]
            if own:
                curves.setdefault(arm, []).append(_point(own))
    whole = [row for row in rows if row.budget == WHOLE]
    large = (whole[0].arm, _point(whole))
    plot_cuts(curves, large, folder / PICTURE, str(folder), METRIC)


def _point(rows: Sequence[Row]) -> tuple[float, float, Any]:
    """(multiply-adds, milliseconds, interval of the value) of an arm at a budget."""
    costs = []
    for unit in ("macs", "latency"):
        costs.append(sum(row.costs[unit] for row in rows) / len(rows))
    return (*costs, t_interval([row.value for row in rows]))
