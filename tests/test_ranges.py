"""Ranges of numbers in annotations."""

import math

from effjax.ranges import Range


def test_ends():
    assert 0 in Range(0, 1)
    assert 1 in Range(0, 1)
    assert 0 in Range(0, 1, "[)")
    assert 1 not in Range(0, 1, "[)")
    assert 0 not in Range(0, ends="(]")
    assert 1e30 in Range(0, ends="(]")
    assert math.nan not in Range()
    assert math.nan not in Range(0, 1)


def test_words():
    assert [str(r) for r in (Range(0, 1), Range(0, 1, "[)"), Range(1), Range(0, ends="(]"))] == [
        "in [0, 1]",
        "in [0, 1)",
        ">= 1",
        "> 0",
    ]
    assert str(Range(high=2, ends="[)")) == "< 2"
