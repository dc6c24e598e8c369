"""What the points of a space cost, each counted once; and whether a budget can be met."""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from effjax import costs, models
from effjax.costs import Budget, PartsTable, describe
from effjax.errors import UserError
from effjax.models.registry import fields_of
from effjax.search.space import ArchSpace, Point

UNITS = tuple(costs.UNITS)


@dataclasses.dataclass
class PointCosts:
    """The costs of the points of a space.

    Attributes:
      space: whose points.
      input_shape: of one image [H, W, C]; a chosen resolution replaces H and W.
      num_classes: of the classifier.
      table: of latencies; None: latency cannot be asked for.
      dtype: of the computation.
    """

    space: ArchSpace
    input_shape: tuple[int, int, int]
    num_classes: int
    table: PartsTable | None = None
    dtype: str = "float32"

    def __post_init__(self) -> None:
        self._known: dict[tuple[Point, str], float] = {}

    def of(
        self,
        point: Point,
        unit: str,
    ) -> float:
        """The exact cost of a point; milliseconds are those of the table."""
        key = (self.space.canonical(point), unit)
        if key not in self._known:
            self._count(*key)
        return self._known[key]

    def shape(self, point: Point) -> tuple[int, int, int]:
        """The shape of the images that a point takes."""
        side = self.space.resolution(point)
        height, width, channels = self.input_shape
        return (height, width, channels) if side is None else (side, side, channels)

    def of_base(self, unit: str) -> float:
        """The exact cost of the base architecture, at the resolution of the config."""
        fields = fields_of(self.space.base)
        model = models.create_model(self.space.name, self.num_classes, dtype=self.dtype, **fields)
        return self._of_model(model, self.input_shape, unit)[unit]

    def _count(
        self,
        point: Point,
        unit: str,
    ) -> None:
        model = self.space.model(point, self.num_classes, dtype=self.dtype)
        for name, cost in self._of_model(model, self.shape(point), unit).items():
            self._known[point, name] = cost

    def _of_model(
        self,
        model: models.ImageModel,
        shape: tuple[int, int, int],
        unit: str,
    ) -> dict[str, float]:
        """{unit: cost} of the unit that is asked for, and of what comes with it."""
        if unit == "latency":
            if self.table is None:
                raise UserError(
                    "a budget of latency needs a table of latencies\n"
                    "give one: Search(latency_table=...) or --latency-table=FILE.json"
                )
            return {unit: self.table.latency(model, shape)}
        if unit == "memory":
            return {unit: costs.count(model, shape, unit)}
        # both come from one trace, which takes half a second
        total = models.cost(model, shape)
        return {"params": total.params, "macs": total.macs}


def absolute(budget: Budget, costs: PointCosts | None) -> Budget:
    """A budget in its unit, where it may be a share of the base architecture.

    Raises:
      UserError: it is a share, and nothing is counted.
    """
    if not budget.is_share:
        return budget.relative_to(0.0)
    if costs is None:
        raise UserError(f"{budget.amount} is a share, and nothing says of what; give an amount")
    return budget.relative_to(costs.of_base(budget.unit))


# ------------------------------------------------------------------------- can it be met at all?


def extreme_point(
    space: ArchSpace,
    cost: Callable[[Point], float],
    largest: bool = False,
) -> Point:
    """The cheapest point of a space, or the dearest, choice by choice.

    Every option is counted once, with the other choices as they are. The result is the true one
    where no choice is dear in one network and cheap in another.
    """
    sign = -1 if largest else 1
    point = (0,) * len(space.choices)
    if not space.is_valid(point):
        point = space.sample(np.random.default_rng(0))
    undecided = set(range(len(space.choices)))
    while True:
        # a block that is not there yet, or a mixer without a window, is decided in a later round
        idle = space.is_idle(point)
        now = [place for place in sorted(undecided) if not idle[place]]
        if not now:
            return space.canonical(point)
        changed = [_best_option(space, point, place, cost, sign) for place in now]
        for place, index in zip(now, changed):
            other = _with(point, place, index)
            # two options that were counted apart may not go together
            if space.is_valid(other):
                point = other
        undecided -= set(now)


def _best_option(
    space: ArchSpace,
    point: Point,
    place: int,
    cost: Callable[[Point], float],
    sign: int,
) -> int:
    """The option of one choice with the least `sign * cost`."""
    found = []
    for index in range(len(space.choices[place].options)):
        other = _with(point, place, index)
        if space.is_valid(other):
            found.append((sign * cost(space.canonical(other)), index))
    return min(found)[1]


def _with(point: Point, place: int, index: int) -> Point:
    return (*point[:place], index, *point[place + 1 :])


def check_feasible(
    space: ArchSpace,
    budgets: Sequence[Budget],
    cost: Callable[[Point, str], float],
) -> Point:
    """A point within the budgets.

    Raises:
      UserError: there is none, with the range of costs that there is.
    """
    cheapest: dict[str, Point] = {}
    for budget in budgets:
        unit = budget.unit
        point = extreme_point(space, lambda point, unit=unit: cost(point, unit))
        cheapest[unit] = point
        if not budget.allows(cost(point, unit)):
            dearest = extreme_point(space, lambda point, unit=unit: cost(point, unit), True)
            least = cost(point, unit)
            most = cost(dearest, unit)
            raise UserError(
                f"a budget of {describe(unit, budget.limit)} cannot be met: this space costs from "
                f"{describe(unit, least)} to {describe(unit, most)}\n"
                f"give one in between, such as --budget={unit}:{_between(least, most):.6g}"
            )
    for point in cheapest.values():
        if all(budget.allows(cost(point, budget.unit)) for budget in budgets):
            return point
    raise UserError(
        "each of the budgets can be met, but no network was found that meets all of them\n"
        "raise one: " + ", ".join(describe(budget.unit, budget.limit) for budget in budgets)
    )


def _between(
    least: float,
    most: float,
) -> float:
    return (least + most) / 2
