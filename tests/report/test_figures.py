"""Figures: odd names, a full disk, the same text for the same figure."""

import warnings

import pytest
from matplotlib.figure import Figure

from effjax.report.figures import save_figure, svg_text

NAMES = ["a_b$^$", "\x1b[31mred", "two\nlines", "$x$"]


def make_figure():
    figure = Figure()
    axes = figure.subplots()
    for name in NAMES:
        axes.plot([1, 10, 100], [1, 2, 3], label=name)
    axes.set_xscale("log")
    axes.set_yticks([1, 2, 3, 4], NAMES)
    axes.set_title(NAMES[0])
    axes.legend()
    return figure


def test_names_from_outside_are_no_formulas(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(make_figure(), tmp_path / "x.png")
        text = svg_text(make_figure())
    assert "a_b$^$" in text
    assert "\x1b" not in text
    assert [path.name for path in tmp_path.iterdir()] == ["x.png"]


def test_the_same_figure_is_the_same_text():
    assert svg_text(make_figure()) == svg_text(make_figure())


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def no_room(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", no_room)
    with pytest.raises(OSError, match="No space"):
        save_figure(make_figure(), tmp_path / "x.png")
    assert not list(tmp_path.iterdir())
