"""Choices without a search: the largest network that the budget allows.

Scores of untrained networks often rank them no better than their size does
(https://arxiv.org/abs/2101.08134, https://arxiv.org/abs/2301.11300), so that these are arms of
every comparison.
"""

from effjax.errors import UserError
from effjax.ranges import Count
from effjax.search.problem import Problem
from effjax.search.registry import STRATEGIES
from effjax.search.space import Point


@STRATEGIES.register("params", "the most parameters of random points; nothing is trained")
def most_parameters(
    problem: Problem,
    *,
    samples: Count = 64,
) -> Point:
    """The point with the most parameters of so many random ones within the budgets."""
    return _most(problem, "params", samples)


@STRATEGIES.register("macs", "the most multiply-adds of random points; nothing is trained")
def most_multiply_adds(
    problem: Problem,
    *,
    samples: Count = 64,
) -> Point:
    """The point with the most multiply-adds of so many random ones within the budgets."""
    return _most(problem, "macs", samples)


def _most(
    problem: Problem,
    unit: str,
    samples: int,
) -> Point:
    points = list(problem.random_points(samples))
    if not points:
        raise UserError("no point within the budget was drawn; raise the budget or samples")
    return max(points, key=lambda point: problem.cost(point, unit))
