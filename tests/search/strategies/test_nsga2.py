"""NSGA-II: fronts by hand and by brute force."""

import itertools

import numpy as np
import pytest

from effjax.search import run
from effjax.search.strategies.nsga2 import (
    Member,
    beats,
    crowding,
    front_of,
    fronts_of,
    survivors,
)

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
