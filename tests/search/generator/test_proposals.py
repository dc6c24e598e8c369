"""A generator learns what is good and what is within a budget, and says the same again."""

import numpy as np
import pytest

from effjax.costs import Budget
from effjax.search.choices import Choice
from effjax.search.generator.proposals import EVERY, Proposals
from effjax.search.objectives import ByFunction
from effjax.search.problem import Problem
from effjax.search.space import Space


class Numbers(Space):
    def decode(self, point):
        return point


class Sums:
    """Every index costs one more."""

    def of(self, point, unit):
        return 10 + sum(point)


SPACE = Numbers([Choice(name, tuple(range(6))) for name in ("width", "stages_0.mixer", "ops.0")])
LIMIT = 14


def make_problem(budgets=(), function=lambda point: point[0] - point[1], evaluated=EVERY):
    problem = Problem(SPACE, ByFunction(function), 200, budgets=budgets, costs=Sums(), seed=0)
    for _ in range(evaluated):
        problem.evaluate(problem.draw())
    return problem


def test_before_anything_is_known_it_draws_evenly():
    drawn = [Proposals(make_problem(evaluated=0)).draw() for _ in range(2)]
    assert drawn[0] == drawn[1] in set(SPACE.points())


def test_what_it_learns_from():
    problem = make_problem([Budget("macs", LIMIT)])
    points, conditions = Proposals(problem).lessons()
    rank, is_known, budget = np.moveaxis(conditions, -1, 0)
    # half of the rows were evaluated, and every budget is met by its point
    assert abs(is_known.mean() - 0.5) < 0.05
    assert (rank[is_known == 0] == 0).all()
    assert (budget >= np.log((10 + points.sum(-1)) / LIMIT) - 1e-6).all()
    best = problem.best
    less = sum(entry.value < best.value for entry in problem.history)
    is_best = (points == best.point).all(-1) & (is_known == 1)
    assert np.unique(rank[is_best]) == pytest.approx(less / (EVERY - 1))


@pytest.mark.slow
def test_it_learns_what_is_good_within_the_budget():
    # a quarter of all points is within the budget
    even = np.mean([sum(point) <= LIMIT - 10 for point in SPACE.points()])
    problem = make_problem([Budget("macs", LIMIT)], evaluated=24)
    proposals = Proposals(problem)
    points = [proposals.draw() for _ in range(200)]
    assert even < 0.25
    assert np.mean([problem.allows(point) for point in points]) > 0.6
    allowed = [point for point in SPACE.points() if problem.allows(point)]
    by_chance = np.mean([point[0] - point[1] for point in allowed])
    assert np.mean([point[0] - point[1] for point in points]) > by_chance + 1
    again = Proposals(problem)
    assert [again.draw() for _ in range(200)] == points
