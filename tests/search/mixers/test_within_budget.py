"""The most probable point within budgets is what trying all of them finds."""

import itertools

import numpy as np
import pytest

from effjax.costs import Budget
from effjax.errors import UserError
from effjax.search.costing import PointCosts
from effjax.search.mixers.within_budget import best_point, in_order
from effjax.search.objectives import ByFunction
from effjax.search.problem import Problem
from tests.search.mixers.small import CHOICES, space_of

SPACE = space_of(*CHOICES, ("mlp_ratio", (1.0, 2.0)))
COSTS = PointCosts(SPACE, (4, 4, 3), 2)
HELD = (0, 0, 0)


@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize("seed", range(20))
def test_sums_of_costs_are_tried_in_the_order_of_scores(seed, units):
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 5, 4)
    scores = [rng.standard_normal(size).tolist() for size in sizes]
    costs = [rng.integers(0, 9, (size, units)).astype(float) for size in sizes]
    room = rng.integers(4, 25, units).astype(float)
    wanted = []
    for indices in itertools.product(*map(range, sizes)):
        spent = sum(cost[index] for cost, index in zip(costs, indices))
        if (spent <= room).all():
            score = sum(row[index] for row, index in zip(scores, indices))
            wanted.append((-score, indices))
    wanted = [indices for _, indices in sorted(wanted)]
    assert list(in_order(scores, costs, room, skip_dearer=False)) == wanted
    short = list(in_order(scores, costs, room, skip_dearer=True))
    assert short[:1] == wanted[:1]


def problem_of(*budgets, space=SPACE, costs=COSTS):
    return Problem(space, ByFunction(lambda point: 0.0), 1, budgets=budgets, costs=costs)


def brute_force(problem, scores):
    allowed = []
    for first, second in itertools.product(range(4), range(2)):
        point = (first, second, HELD[2])
        if problem.allows(point):
            allowed.append((scores[0][first] + scores[1][second], point))
    return max(allowed)[1]


@pytest.mark.parametrize("unit", ["params", "macs", "memory"])
def test_the_choice_is_the_best_of_all_points(unit):
    rng = np.random.default_rng(0)
    points = itertools.product(range(4), range(2))
    known = sorted({COSTS.of((*point, HELD[2]), unit) for point in points})
    for limit in known:
        problem = problem_of(Budget(unit, limit), Budget("params", 1e9))
        for _ in range(5):
            scores = {0: rng.standard_normal(4).tolist(), 1: rng.standard_normal(2).tolist()}
            assert best_point(problem, HELD, scores) == brute_force(problem, scores)


def test_held_choices_stay_and_what_they_leave_no_room_for_is_refused():
    scores = {0: [0.0, 0.0, 1.0, 0.0], 1: [1.0, 0.0]}
    assert best_point(problem_of(), (0, 0, 1), scores) == (2, 0, 1)
    least = COSTS.of((0, 1, 0), "macs")
    tight = problem_of(Budget("macs", least))
    with pytest.raises(UserError, match="meets the budget while mlp_ratio stay as they are"):
        best_point(tight, (0, 0, 1), scores)


class Listed:
    """A table that holds two networks."""

    space = SPACE
    budgets = ()

    def candidates(self):
        return [(1, 1, 0), (2, 1, 0), (3, 0, 1)]


def test_with_a_table_the_best_of_its_networks_is_taken():
    scores = {0: [0.0, 1.0, 2.0, 3.0], 1: [1.0, 0.0]}
    assert best_point(Listed(), HELD, scores) == (2, 1, 0)
