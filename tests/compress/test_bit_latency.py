"""A table of milliseconds."""

import json

import pytest

from effjax.compress.bit_latency import nanoseconds, read_bit_latency
from effjax.errors import UserError

ROW = {"4": 0.25, "8": 0.5}


def written(tmp_path, content):
    path = tmp_path / "table.json"
    path.write_text(json.dumps(content))
    return path


def test_times_are_read_and_rounded_up(tmp_path):
    table = read_bit_latency(written(tmp_path, {"a": ROW, "b": {"8": 1.0000001e-6}}), ["a", "b"])
    assert nanoseconds(table, "a", (4, 8)) == {4: 250_000, 8: 500_000}
    assert nanoseconds(table, "b", (8,)) == {8: 2}
    with pytest.raises(UserError, match=r"how long b takes in floating point \(32\); it has 8"):
        nanoseconds(table, "b", (32,))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([1], "holds a list"),
        ({"a": ROW}, "lacks 1 of 2 layers, such as b"),
        ({"a": ROW, "b": ROW, "bb": ROW}, "not there: bb; did you mean 'b'"),
        ({"a": ROW, "b": {"eight": 1.0}}, "'eight' is no number of bits"),
        ({"a": ROW, "b": {"8": -1.0}}, "which is no time"),
    ],
)
def test_other_tables_are_refused(tmp_path, content, says):
    with pytest.raises(UserError, match=says):
        read_bit_latency(written(tmp_path, content), ["a", "b"])
