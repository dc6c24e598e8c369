import itertools

import numpy as np
import pytest

from effjax.compress.generators.intervals import best_intervals, cosines, interval_costs
from effjax.errors import UserError
from tests.parity.generative_check import check_recorded

RNG = np.random.default_rng(0)


def test_recorded_values():
    check_recorded("intervals/")


def by_trying(similarity, count):
    """The least cost of all divisions."""
    times = len(similarity)
    found = []
    for inner in itertools.combinations(range(1, times), count - 1):
        edges = [0, *inner, times]
        cost = 0.0
        for i, j in itertools.pairwise(edges):
            cost += (1 - similarity[i:j, i:j]).sum() / (j - i)
        found.append((cost, tuple(edges[:-1])))
    return min(found)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7])
def test_the_programme_finds_what_trying_all_finds(count):
    similarity = cosines(RNG.standard_normal((7, 3)))
    cost, starts = by_trying(similarity, count)
    found = best_intervals(similarity, count)
    assert found.starts == starts
    assert found.cost == pytest.approx(cost, abs=1e-12)


def test_blocks_that_are_alike_are_found():
    similarity = np.zeros((6, 6))
    similarity[:2, :2] = similarity[2:, 2:] = 1
    assert best_intervals(similarity, 2) == ((0, 2), 0.0)


def test_an_empty_interval_has_no_cost():
    costs = interval_costs(np.eye(3))
    assert np.isinf(costs[2, 1])
    assert costs[0, 2] == pytest.approx(2 / 2)


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(UserError, match="4 intervals of 3 times"):
        best_intervals(np.eye(3), 4)
