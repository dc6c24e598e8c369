"""Strategies and encodings by name."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.search.registry import find_encoding, find_strategy, list_strategies


def test_strategies_are_listed():
    lines = list_strategies()
    assert "random" in lines
    assert all(lines.values())


def test_unknown():
    with pytest.raises(UserError, match="unknown strategy 'randon'; did you mean 'random'"):
        find_strategy("randon")
    with pytest.raises(UserError, match="unknown encoding"):
        find_encoding("one_cold")


def test_one_hot(space):
    codes = find_encoding("one_hot")(space, np.random.default_rng(0))
    assert codes([(0, 0, 0, 0)]).shape == (1, 9)
