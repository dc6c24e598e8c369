"""Moves between points stay inside of a space."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.points import Space


def test_no_choices():
    with pytest.raises(UserError, match="without choices"):
        Space([])


def test_check(space):
    assert space.check([2, 1, 1, 0]) == (2, 1, 1, 0)
    for wrong in ([2, 1, 1], [3, 0, 0, 0], [-1, 0, 0, 0]):
        with pytest.raises(UserError, match="is no point of this space"):
            space.check(wrong)


def test_moves(space):
    rng = np.random.default_rng(0)
    for _ in range(20):
        point = space.sample(rng)
        assert space.canonical(point) == point
        around = space.neighbours(point)
        assert point not in around
        assert space.mutate(point, rng) in around
        assert space.crossover(point, point, rng) == point
        other = space.sample(rng)
        child = space.crossover(point, other, rng)
        assert space.canonical(child) == child


def test_encode(space):
    code = space.encode((1, 0, 0, 1))
    assert code.tolist() == [0, 1, 0, 1, 0, 0, 0, 0, 1]  # zeros where a choice is idle
