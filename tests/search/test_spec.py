"""Spaces through JSON: the same points, and the same ones equal."""

import json

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.cells.spaces import DartsSpace, NasBench201Space
from effjax.search.spec import read_spec


def through_json(space):
    return read_spec(json.loads(json.dumps(space.spec())))


def test_choices(space):
    again = through_json(space)
    assert again.spec() == space.spec()
    assert list(again.points()) == list(space.points())


CELLS = [
    NasBench201Space(width=4, cells=1),
    DartsSpace(("skip_connect", "sep_conv_3x3"), nodes=2, width=4, layers=3),
]


@pytest.mark.parametrize("space", CELLS, ids=["nasbench201", "darts"])
def test_cells_keep_what_is_equal(space):
    again = through_json(space)
    assert again.spec() == space.spec()
    rng = np.random.default_rng(0)
    for _ in range(20):
        drawn = tuple(int(rng.integers(len(choice.options))) for choice in space.choices)
        assert again.canonical(drawn) == space.canonical(drawn)
        assert again.decode(drawn) == space.decode(drawn)


def test_unknown_cells():
    with pytest.raises(UserError, match="unknown cells 'dart'; expected one of darts"):
        read_spec({"cells": "dart", "settings": {}})
