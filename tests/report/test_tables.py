"""Tables, units and plots in plain text."""

import pytest

from effjax.report import format_bytes, format_count, format_latex, format_table, plot_text
from effjax.report.tables import safe_cell


def test_columns_align_and_the_last_one_wraps():
    rows = [("a", "12", "one two three four five six seven"), ("bcd", "3", "x")]
    assert format_table(rows, ("name", "n", "text"), right=(1,), width=32) == [
        "name   n  text",
        "────  ──  ──────────────────────",
        "a     12  one two three four",
        "          five six seven",
        "bcd    3  x",
    ]


def test_no_line_is_wider_than_the_table():
    rows = [("name", "word " * 60), ("x" * 20, "y" * 300)]
    for width in (60, 100):
        assert max(map(len, format_table(rows, width=width))) <= width


def test_an_empty_table_has_no_lines():
    assert format_table([]) == []


def test_units():
    assert [format_bytes(n) for n in (0, 1023, 1536, 3 * 2**30)] == [
        "0 B",
        "1023 B",
        "1.5 KiB",
        "3 GiB",
    ]
    assert [format_count(n) for n in (950, 1184022, 4.11e9)] == ["950", "1.18 M", "4.11 G"]


def test_a_plot_is_as_high_as_its_values():
    top, *_, bottom, axis, labels = plot_text([0.0, 0.5, 1.0, 1.0], height=2, labels=("0", "9"))
    assert top == "1 ┤  ██"
    assert bottom == "0 ┤ ███"
    assert axis == "  └────"
    assert labels == "   0  9"


def test_a_plot_of_nothing_but_zeros_is_empty():
    assert plot_text([0.0, 0.0], height=1)[0] == "0 ┤"


def test_latex():
    text = format_latex([["adamw_win", "95 %"]], ["name", "score"])
    assert text.splitlines() == [
        r"\begin{tabular}{lr}",
        r"\toprule",
        r"name & score \\",
        r"\midrule",
        r"adamw\_win & 95 \% \\",
        r"\bottomrule",
        r"\end{tabular}",
    ]


@pytest.mark.parametrize(
    ("cell", "safe"),
    [
        ("=1+1", "'=1+1"),
        ("@x", "'@x"),
        ("+a", "'+a"),
        ("-0.5", "-0.5"),
        ("-", "-"),
        ("plain", "plain"),
        ("\x1b[31m", r"\x1b[31m"),
    ],
)
def test_no_cell_is_a_formula(cell, safe):
    assert safe_cell(cell) == safe


def test_control_characters_do_not_reach_the_terminal():
    lines = format_table([["a\x1b[31m", "b\nc"]])
    assert lines == [r"a\x1b[31m  b\nc"]
