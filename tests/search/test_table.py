"""Tabular benchmarks: written and read, damaged ones refused."""

import json

import pytest

from effjax.errors import UserError
from effjax.search.table import Row, Table, read_table


@pytest.fixture
def table(space):
    rows = [
        Row((0, 0, 0, 0), (0.5, 0.7), {"params": 10, "macs": 20}, {"snip": 1.5}, {"seconds": 3.0}),
        Row((1, 1, 1, 0), (0.8, 0.9), {"params": 11, "macs": 25}),
    ]
    return Table(space, "val/top1", rows, {"name": "small"})


def test_round_trip(table, tmp_path):
    path = tmp_path / "table.json"
    table.write(path)
    again = read_table(path)
    assert again.rows == tuple(table.rows)
    assert again.facts == {"name": "small"}
    assert again.space.spec() == table.space.spec()
    assert again.row((0, 0, 1, 0)).value == pytest.approx(0.6)  # canonical
    assert again.best().point == (1, 1, 1, 0)
    assert (2, 0, 0, 0) not in again
    with pytest.raises(UserError, match="has no row"):
        again.row((2, 0, 0, 0))


def test_nearest(table):
    assert table.nearest((1, 1, 0, 0), [(0, 0, 0, 0), (1, 1, 1, 0)]) == (1, 1, 1, 0)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rows", [], "has no rows"),
        ("rows", [{"point": [9, 0, 0, 0], "values": [1.0]}], "no point of this space"),
        ("rows", [{"point": [0, 0, 0, 0], "values": [float("nan")]}], "expected"),
        ("space", {"base": "convformer_s18"}, "its space cannot be made"),
    ],
)
def test_damaged(table, tmp_path, key, value, message):
    path = tmp_path / "table.json"
    table.write(path)
    data = json.loads(path.read_text()) | {key: value}
    path.write_text(json.dumps(data))
    with pytest.raises(UserError, match=message):
        read_table(path)


def test_a_point_twice(table):
    with pytest.raises(UserError, match="two rows"):
        Table(table.space, "val/top1", [table.rows[0], table.rows[0]])
