"""Evolution: better than random on a space whose values add up; fronts by hand."""

import itertools

import numpy as np
import pytest

from effjax.costs import Budget
from effjax.search import run
from effjax.search.strategies.evolution import (
    Member,
    beats,
    crowding,
    front_of,
    fronts_of,
    survivors,
)
from tests.search.strategies.oracle import additive_problem, evaluations_until_best


def test_fewer_evaluations_than_random():
    """The optimum of 500 points, medians of 20 seeds."""
    random = evaluations_until_best("random")
    found = evaluations_until_best("evolution", population=10, tournament=3)
    assert np.median(found) < 0.6 * np.median(random)


def test_goes_on_to_the_bit(tmp_path):
    whole = additive_problem(30, seed=3)
    run("evolution", whole, population=6)
    short = additive_problem(12, seed=3, workdir=tmp_path, most=30)
    run("evolution", short, population=6)
    again = additive_problem(30, seed=3, workdir=tmp_path)
    run("evolution", again, population=6)
    assert [e.point for e in again.history] == [e.point for e in whole.history]


def test_within_the_budget(problem, costs):
    limit = costs.of((2, 0, 0, 0), "macs")
    asked = problem(12, budgets=[Budget("macs", limit)])
    found = run("evolution", asked, population=4)
    assert all(costs.of(entry.point, "macs") <= limit for entry in found.history)


MEMBERS = [Member((n,), goals) for n, goals in enumerate([(1, 4), (2, 3), (4, 1), (2, 2), (1, 1)])]


def test_fronts():
    assert beats(MEMBERS[1], MEMBERS[3])
    assert not beats(MEMBERS[0], MEMBERS[1])
    assert front_of(MEMBERS) == MEMBERS[:3]
    assert fronts_of(MEMBERS) == [MEMBERS[:3], [MEMBERS[3]], [MEMBERS[4]]]
    # by hand: (4 - 1) / 3 + (4 - 1) / 3
    assert crowding(MEMBERS[:3]) == [float("inf"), 2.0, float("inf")]
    assert set(survivors(MEMBERS, 4)) == set(MEMBERS[:4])


@pytest.mark.parametrize("seed", range(3))
def test_front_by_brute_force(seed):
    rng = np.random.default_rng(seed)
    members = [Member((n,), tuple(rng.integers(0, 5, 2))) for n in range(12)]
    beaten = {b.point for a, b in itertools.permutations(members, 2) if beats(a, b)}
    assert {m.point for m in front_of(members)} == {m.point for m in members} - beaten


def test_nsga2(problem):
    # better and dearer with every index
    found = run("nsga2", problem(18), population=6)
    assert len(found.front) >= 2
    values = [sum(point) for point in found.front]
    assert values == sorted(values)
    assert found.point == found.front[-1]


@pytest.mark.slow
def test_a_generator_proposes_better_than_random():
    random = evaluations_until_best("random")
    found = evaluations_until_best("evolution", population=10, tournament=3, generator=0.9)
    assert np.median(found) < 0.4 * np.median(random)


@pytest.mark.slow
def test_with_a_generator_it_goes_on_to_the_bit(tmp_path):
    whole = additive_problem(30, seed=3)
    run("evolution", whole, population=6, generator=0.5)
    short = additive_problem(20, seed=3, workdir=tmp_path, most=30)
    run("evolution", short, population=6, generator=0.5)
    again = additive_problem(30, seed=3, workdir=tmp_path)
    run("evolution", again, population=6, generator=0.5)
    assert [e.point for e in again.history] == [e.point for e in whole.history]
