"""Spaces: every combination, pairs, draws, products, conditions."""

import numpy as np
import pytest

from effjax.errors import UserError
from effjax.trials import space


def test_grid_and_zipped():
    assert list(space.grid({"a": [1, 2], "b": ["x", "y"]})) == [
        {"a": 1, "b": "x"},
        {"a": 1, "b": "y"},
        {"a": 2, "b": "x"},
        {"a": 2, "b": "y"},
    ]
    assert list(space.zipped({"a": [1, 2], "b": [3, 4]})) == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]


def test_sum_product_and_condition():
    a, b = space.grid({"a": [1, 2]}), space.grid({"b": [3, 4]})
    assert len(a + a) == 2
    assert len(a * b) == 4
    assert list(a.when({"a": 2}, b)) == [{"a": 1}, {"a": 2, "b": 3}, {"a": 2, "b": 4}]


def test_ranges():
    ranges = {
        "rate": space.log(1e-4, 1e-1),
        "share": space.linear(-1.0, 1.0),
        "depth": space.integers(2, 4),
        "norm": space.choice(["layer", "batch"]),
    }
    points = list(space.random(ranges, 400, seed=1))
    assert points == list(space.random(ranges, 400, seed=1))
    assert all(1e-4 <= p["rate"] < 1e-1 and -1 <= p["share"] < 1 for p in points)
    assert {p["depth"] for p in points} == {2, 3, 4}
    assert {p["norm"] for p in points} == {"layer", "batch"}
    assert np.median([p["rate"] for p in points]) == pytest.approx(10**-2.5, rel=0.3)


def test_halton_fills_evenly_and_a_prefix_is_a_prefix():
    ranges = {"x": space.linear(0.0, 1.0), "y": space.linear(0.0, 1.0)}
    points = list(space.halton(ranges, 72, seed=3))
    assert points[:10] == list(space.halton(ranges, 10, seed=3))
    assert points != list(space.halton(ranges, 72, seed=4))
    cells = {(int(2 * p["x"]), int(3 * p["y"])) for p in points[:6]}
    assert len(cells) >= 5  # six points, six cells of 2 x 3
    counts = np.histogram([p["x"] for p in points], 8, (0, 1))[0]
    assert counts.min() >= 8


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: space.zipped({"a": [1], "b": [1, 2]}), "a has 1, b has 2"),
        (lambda: space.grid({"a": "adan"}), "'a' needs a list of values"),
        (lambda: space.log(0.0, 1.0), "0 < low"),
        (lambda: space.grid({"a": [1]}) * space.grid({"a": [2]}), "both factors"),
        (lambda: space.grid({"a": [1]}).when({"a": 7}, space.grid({"b": [2]})), "no point"),
    ],
)
def test_mistakes(make, message):
    with pytest.raises(UserError, match=message):
        make()
