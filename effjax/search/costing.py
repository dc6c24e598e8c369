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


# ------------------------------------------------------------------------- can it be met at all?


def extreme_point(
    space: ArchSpace,
    cost: Callable[[Point], float],
    largest: bool = False,
) -> Point:
    """The cheapest point of a space, or the dearest, by changing one choice after another.

    It is the true one where no choice is dear in one network and cheap in another.
    """
    sign = -1 if largest else 1
    best = space.canonical((0,) * len(space.choices))
    if not space.is_valid(best):
        best = space.sample(np.random.default_rng(0))
    changed = True
    while changed:
        changed = False
        for place, choice in enumerate(space.choices):
            for index in range(len(choice.options)):
                other = space.canonical((*best[:place], index, *best[place + 1 :]))
                if other == best or not space.is_valid(other):
                    continue
                if sign * cost(other) < sign * cost(best):
                    best = other
                    changed = True
    return best


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
