"""Rows come back as they were written, and half a line is cut."""

import pytest

from effjax.claims.row import append_row, new_row, read_rows
from effjax.errors import UserError


def test_rows_are_appended(tmp_path):
    folder = tmp_path / "rows"
    assert read_rows(folder, "adan") == []
    first = new_row("small", "adan", "0", 0.25)
    append_row(folder, "adan", first)
    path = folder / "adan.jsonl"
    path.write_text(path.read_text() + '{"size": "sm')  # a process was killed as it wrote
    second = new_row("small", "adamw", "0", None, "not finite")
    append_row(folder, "adan", second)
    assert read_rows(folder, "adan") == [first, second]
    assert first.machine.startswith("cpu, ")
    assert len(first.date) == len("2026-11-27")


def test_a_line_of_another_shape_is_named(tmp_path):
    (tmp_path / "adan.jsonl").write_text('{"arm": 3}\n')
    with pytest.raises(UserError, match=r"adan\.jsonl, line 1.*\nremove the line"):
        read_rows(tmp_path, "adan")
