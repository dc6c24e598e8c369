"""Pictures of comparisons: styles, gaps, scales and the cells of a heat map."""

import math
import re

import pytest
from matplotlib.figure import Figure

from effjax.report.plots import (
    Band,
    draw_bands,
    draw_intervals,
    make_styles,
    plot_heat,
    plot_profiles,
)
from effjax.report.style import GREY, MOST

STYLES = make_styles(["a", "b"])


def drawn(bands, **options):
    axes = Figure().subplots()
    draw_bands(axes, bands, STYLES, **options)
    return axes


def test_of_many_names_those_in_front_have_colours_and_the_others_are_grey():
    names = [f"n{number}" for number in range(MOST + 3)]
    styles = make_styles(names, front=names[::-1])
    coloured = [name for name in names if styles[name].in_front]
    assert coloured == names[3:]
    assert len({styles[name].colour for name in coloured}) == MOST
    assert styles["n0"].colour == GREY
    assert styles["n0"].width < styles["n9"].width


def test_lines_in_front_are_named_at_their_ends_inside_the_picture():
    axes = drawn({"a": Band([0, 1], [1.0, 2.0]), "b": Band([0, 1], [1.0, 9.0])}, top=3.0)
    assert [text.get_text() for text in axes.texts] == ["a"]


def test_what_is_not_finite_is_a_gap():
    axes = drawn({"a": Band([0, 1, 2], [1.0, None, math.inf])})
    values = axes.lines[0].get_ydata()
    assert values[0] == 1.0
    assert math.isnan(values[1])
    assert math.isnan(values[2])


@pytest.mark.parametrize(("lowest", "scale"), [(0.5, "log"), (0.0, "linear")])
def test_a_curve_that_reaches_zero_has_no_logarithmic_axis(lowest, scale):
    axes = drawn({"a": Band([0, 1], [1.0, lowest])}, log_y=True)
    assert axes.get_yscale() == scale


def test_a_picture_is_never_cut_empty():
    assert drawn({"a": Band([0, 1], [1.0, 9.0])}, top=2.0).get_ylim()[1] == 2.0
    assert drawn({"a": Band([0, 1], [5.0, 9.0])}, top=2.0).get_ylim()[1] > 9.0


def test_nothing_is_drawn_of_nothing():
    assert not drawn({}, log_y=True, top=1.0).lines


def test_an_interval_without_ends_is_a_dot():
    axes = Figure().subplots()
    draw_intervals(axes, [("a", 1.0, 0.5, 1.5), ("b", 1.0, -math.inf, math.inf)], STYLES)
    assert len(axes.lines) == 3  # an interval and two dots


def test_a_missing_cell_of_a_heat_map_is_a_cross():
    text = plot_heat([[1.0, math.nan]], ["row"], ["x1", "x2"])
    cells = re.findall(r">([^<>]+)</text>", text)
    assert "1" in cells
    assert "x" in cells


def test_a_profile_begins_with_the_workloads_that_are_won():
    text = plot_profiles({"a": {"w1": 1.0, "w2": math.inf}}, STYLES)
    assert text.startswith("<svg")
