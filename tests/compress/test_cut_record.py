"""What a cut leaves behind."""

import json

import pytest

from effjax.compress.cut_record import NARROWED, plot_kept, read_cut, show
from effjax.errors import UserError


def test_a_picture_of_what_is_kept(tmp_path):
    plot_kept({"a": 8, "b": 4}, {"a": [0, 1]}, tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 1000


def test_the_table_shows_what_is_left():
    lines = []
    display = type("Lines", (), {"line": lambda self, text: lines.append(text)})()
    show({"macs": (2000.0, 500.0), "latency": (2.0, 1.5)}, display)
    assert "25 %" in lines[-2]
    assert "75 %" in lines[-1]


def test_a_record_that_is_none_is_refused(tmp_path):
    record = {
        "importance": "l2",
        "budget": "macs:0.5x",
        "costs": {},
        "kept": {},
        "of": {},
        "blocks_gone": [],
    }
    (tmp_path / NARROWED).write_text(json.dumps(record))
    assert read_cut(tmp_path)["importance"] == "l2"
    (tmp_path / NARROWED).write_text("[]")
    with pytest.raises(UserError, match="cut again"):
        read_cut(tmp_path)
