"""Evaluations in a file: read again as they were, damaged ones refused."""

import math

import pytest

from effjax.errors import UserError
from effjax.search.evaluations import EVALUATIONS, Log
from effjax.search.objectives import Score
from effjax.search.time_taken import Seconds


def test_round_trip(space, tmp_path):
    log = Log(space, tmp_path / "s")
    log.add((0, 0, 0, 0), 1 / 3, Score(0.1, took=Seconds(2.0, 0.5)))
    log.add((0, 0, 0, 0), 1.0, Score(None, "it has failed"))
    again = Log(space, tmp_path / "s")
    assert again[(0, 0, 0, 0), 1 / 3] == Score(0.1, took=Seconds(2.0, 0.5))
    assert again[(0, 0, 0, 0), 1.0].reason == "it has failed"
    assert ((1, 0, 0, 0), 1.0) not in again


def test_of_another_space(space, tmp_path):
    (tmp_path / EVALUATIONS).write_text('{"point": [9], "share": 1.0, "value": 1.0}\n')
    with pytest.raises(UserError, match="is no point of this space"):
        Log(space, tmp_path)


def test_nan_is_no_value(problem, tmp_path):
    asked = problem(2, function=lambda point: math.nan, workdir=tmp_path)
    assert asked.evaluate((0, 0, 0, 0)) == -math.inf
    assert asked.history[0].reason == "its value is nan"
