"""Hyperband: many short trainings, and longer ones of those that did best.

Hyperband: A Novel Bandit-Based Approach to Hyperparameter Optimization,
https://arxiv.org/abs/1603.06560. With a largest training of R units and a factor of eta there are
brackets s = s_max, ..., 0: bracket s begins with n points at R eta^-s each, and goes on with the
best of every eta at eta times the length.

Each rung trains from scratch: schedules of the learning rate end with the training, so that a
short one is no beginning of a long one.
"""

import dataclasses
import math
from typing import Annotated

from effjax.errors import UserError
from effjax.ranges import Range
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES, Chosen
from effjax.search.space import Point

ROUNDING = 1e-9  # of logarithms of whole powers


@dataclasses.dataclass(frozen=True)
class Rung:
    """So many points, trained for so many units each."""

    points: int
    units: int


def brackets(
    largest: int,
    eta: int,
) -> list[list[Rung]]:
    """The rungs of each bracket, the one with the shortest trainings first.

    For 81 units and a factor of 3 they begin with (81, 1), (34, 3), (15, 9), (8, 27), (5, 81).
    """
    most = int(math.log(largest) / math.log(eta) + ROUNDING)
    found = []
    for s in range(most, -1, -1):
        points = math.ceil((most + 1) / (s + 1) * eta**s)
        rungs = []
        for i in range(s + 1):
            units = largest // eta ** (s - i)
            rungs.append(Rung(points // eta**i, units))
        found.append(rungs)
    return found


@STRATEGIES.register("hyperband", "many short trainings, longer ones of those that did best")
def hyperband(
    problem: Problem,
    *,
    eta: Annotated[int, Range(2, 100)] = 3,
    units: Annotated[int, Range(1, 100_000)] = 9,
) -> Chosen | None:
    """Runs brackets until no evaluation is left; trainings of a rung may run side by side.

    Args:
      problem: what is searched; an evaluation is a training of `units` units.
      eta: one of so many goes on, for so many times as long.
      units: parts that a whole training has.

    Returns:
      The best of the longest trainings.

    Raises:
      UserError: the values are of whole trainings only, or there are none of the longest.
    """
    if not problem.objective.has_shares:
        raise UserError(
            "hyperband trains for parts of a training, and these values are of whole ones\n"
            "leave out --table, or take another strategy"
        )
    plan = brackets(units, eta)
    least = sum(rung.points * rung.units for rung in plan[-1]) / units
    first = sum(rung.points * rung.units for rung in plan[0]) / units
    if problem.evaluations < min(least, first):
        raise UserError(
            f"hyperband with eta={eta}, units={units} needs {min(least, first):.3g} evaluations "
            f"for its shortest bracket; got {problem.evaluations}\nraise --evaluations"
        )
    number = 0
    while _afford(problem, plan[number % len(plan)], units):
        _run_bracket(problem, plan[number % len(plan)], units)
        number += 1
    best = problem.best
    return None if best is None else Chosen(best.point, notes={"brackets": number})


def _afford(
    problem: Problem,
    rungs: list[Rung],
    units: int,
) -> bool:
    """Whether a whole bracket can be paid: half of one tells little."""
    return problem.left + ROUNDING >= sum(rung.points * rung.units for rung in rungs) / units


def _run_bracket(
    problem: Problem,
    rungs: list[Rung],
    units: int,
) -> None:
    """Successive halving of new random points."""
    points: list[Point] = []
    for _ in range(rungs[0].points):
        point = _new_point(problem, points)
        if point is not None:
            points.append(point)
    for rung in rungs:
        points = points[: rung.points]
        if not points:
            return
        values = problem.evaluate_all(points, rung.units / units)
        order = sorted(range(len(points)), key=lambda place: -values[place])
        points = [points[place] for place in order]


def _new_point(
    problem: Problem,
    others: list[Point],
) -> Point | None:
    """A random allowed point that is none of the others; a new one if there is any."""
    for _ in range(20):
        point = problem.draw()
        if point is not None and point not in others:
            return point
    for point in problem.random_points(len(others) + 1):
        if point not in others:
            return point
    return None
