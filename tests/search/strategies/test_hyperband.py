"""Hyperband: the paper's brackets, and successive halving by hand."""

import pytest

from effjax.errors import UserError
from effjax.search import run
from effjax.search.objectives import Score
from effjax.search.problem import Problem
from effjax.search.strategies.hyperband import brackets
from tests.search.strategies.oracle import Numbers, additive_problem, value_of


def test_brackets_of_the_paper():
    firsts = [(rungs[0].points, rungs[0].units) for rungs in brackets(81, 3)]
    assert firsts == [(81, 1), (34, 3), (15, 9), (8, 27), (5, 81)]
    assert [(r.points, r.units) for r in brackets(81, 3)[0]] == [
        (81, 1), (27, 3), (9, 9), (3, 27), (1, 81),
    ]  # fmt: skip


class Curves:
    """Short trainings rank as long ones do, shifted by what is missing."""

    metric = "val/top1"
    has_shares = True

    def __call__(self, points, share):
        return [Score(value_of(point) - (1 - share)) for point in points]


def make(evaluations, seed=0, workdir=None):
    return Problem(Numbers(), Curves(), evaluations, seed=seed, workdir=workdir)


def test_the_best_of_each_rung_goes_on():
    found = run("hyperband", make(3), units=9, eta=3)
    shares = [entry.share for entry in found.history]
    assert shares == [1 / 9] * 9 + [3 / 9] * 3 + [1.0]
    first = sorted(found.history[:9], key=lambda entry: -entry.value)
    assert {entry.point for entry in found.history[9:12]} == {entry.point for entry in first[:3]}
    assert found.point == first[0].point
    assert found.notes["brackets"] == 1


def test_goes_on_to_the_bit(tmp_path):
    whole = run("hyperband", make(6, seed=2), units=4, eta=2)
    run("hyperband", make(3, seed=2, workdir=tmp_path), units=4, eta=2)
    again = run("hyperband", make(6, seed=2, workdir=tmp_path), units=4, eta=2)
    assert [(e.point, e.share) for e in again.history] == [
        (e.point, e.share) for e in whole.history
    ]


def test_refused():
    with pytest.raises(UserError, match="these values are of whole ones"):
        run("hyperband", additive_problem(10, seed=0))
    with pytest.raises(UserError, match="needs 3 evaluations"):
        run("hyperband", make(1))
