"""A tabular benchmark: what the points of a space reached when they were trained, in a JSON file.

    {"name", "metric", "space": ArchSpace.spec(), "config": {...},
     "rows": [{"point", "values": [one a seed], "params", "macs", "latency", "scores": {...}}]}

With a table a search takes seconds: values are looked up, and only its points may be chosen.
"""

import dataclasses
import json
import statistics
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np

from effjax.config import read_json
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.runs.atomic import write_atomically
from effjax.search.space import ArchSpace, Point
from effjax.search.spec import read_spec

REMEDY = "give a table that effjax search --make-table wrote"


class RowFile(TypedDict):
    """A row as the file holds it; further keys are kept."""

    point: list[int]
    values: list[float]


class TableFile(TypedDict):
    """What the file holds; further keys are kept."""

    metric: str
    space: dict[str, Any]
    rows: list[RowFile]


@dataclasses.dataclass(frozen=True)
class Row:
    """What is known of one network.

    Attributes:
      point: of the space.
      values: what it reached, one a seed.
      costs: {unit: cost}.
      scores: {zero-cost score: value}.
      facts: whatever else the file says of it, such as seconds.
    """

    point: Point
    values: tuple[float, ...]
    costs: Mapping[str, float] = dataclasses.field(default_factory=dict)
    scores: Mapping[str, float] = dataclasses.field(default_factory=dict)
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def value(self) -> float:
        """The mean over seeds."""
        return statistics.fmean(self.values)


@dataclasses.dataclass(frozen=True)
class Table:
    """A tabular benchmark.

    Attributes:
      space: whose points have rows.
      metric: what the values are, such as "val/top1".
      rows: in the order of the file.
      facts: whatever else the file says, such as its name and config.
    """

    space: ArchSpace
    metric: str
    rows: Sequence[Row]
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        known = {row.point: row for row in self.rows}
        if len(known) < len(self.rows):
            raise UserError("a point has two rows in the table; keep one of them")
        object.__setattr__(self, "_known", known)

    def __contains__(self, point: Point) -> bool:
        return self.space.canonical(point) in self._known

    def row(self, point: Point) -> Row:
        """What is known of a point; raises UserError if it has no row."""
        found = self._known.get(self.space.canonical(point))
        if found is None:
            raise UserError(f"the table has no row for {point}; it has {len(self.rows)} others")
        return found

    def best(self) -> Row:
        """The row with the greatest value."""
        return max(self.rows, key=lambda row: row.value)

    def first_within(self, budgets: Sequence[Budget], cost: Callable[[Point, str], float]) -> Point:
        """The first row within all budgets; raises UserError, with the ranges, if there is none."""
        for row in self.rows:
            if all(budget.allows(cost(row.point, budget.unit)) for budget in budgets):
                return row.point
        ranges = []
        for unit in (budget.unit for budget in budgets):
            known = [cost(row.point, unit) for row in self.rows]
            ranges.append(f"{unit} from {min(known):,.6g} to {max(known):,.6g}")
        raise UserError(f"no row of the table is within the budget: it has {', '.join(ranges)}")

    def nearest(
        self,
        point: Point,
        candidates: Sequence[Point],
    ) -> Point:
        """The candidate that differs in the fewest choices; the first one of several."""
        distances = [sum(a != b for a, b in zip(point, other)) for other in candidates]
        return candidates[int(np.argmin(distances))]

    def write(self, path: Path) -> None:
        """Writes the file, a row a line."""
        rows = []
        for row in self.rows:
            line = {"point": list(row.point), "values": list(row.values), **row.costs}
            line |= {"scores": dict(row.scores), **row.facts}
            rows.append("  " + json.dumps(line))
        head = {**self.facts, "metric": self.metric, "space": self.space.spec()}
        lines = [f" {json.dumps(key)}: {json.dumps(value)}," for key, value in head.items()]
        text = "\n".join(["{", *lines, ' "rows": [', ",\n".join(rows), " ]", "}"])
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text + "\n")


def read_table(path: Path) -> Table:
    """The table of a file.

    Raises:
      UserError: it cannot be read, or is something else.
    """
    data = dict(read_json(path, TableFile, REMEDY))
    try:
        space = read_spec(data.pop("space"))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path}: its space cannot be made: {error}\n{REMEDY}") from error
    rows = []
    for entry in data.pop("rows"):
        rows.append(_row(path, space, dict(entry)))
    if not rows:
        raise UserError(f"{path} has no rows\n{REMEDY}")
    return Table(space, data.pop("metric"), tuple(rows), data)


def _row(
    path: Path,
    space: ArchSpace,
    entry: dict[str, Any],
) -> Row:
    point = space.check(entry.pop("point"))
    values = tuple(float(value) for value in entry.pop("values"))
    if not values or not np.all(np.isfinite(values)):
        raise UserError(f"{path}: the values of {list(point)} are no numbers\n{REMEDY}")
    costs = {}
    for unit in ("params", "macs", "latency", "memory"):
        cost = entry.pop(unit, None)
        if cost is not None:
            costs[unit] = cost
    return Row(space.canonical(point), values, costs, entry.pop("scores", {}), entry)
