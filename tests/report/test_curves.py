"""Curves of a run: which rows and metrics they take, and that a picture comes of it."""

import pytest
from PIL import Image

from effjax.report.curves import names_ending, plot_run, series

ROWS = [
    {"step": 1, "train/loss": 2.0, "optim/lr": 0.1},
    {"step": 2, "train/loss": None, "optim/lr": 0.2},  # not finite: null in the file
    {"step": 2, "val/loss": 1.5, "val/top1": 0.5},
]


def width(path):
    with Image.open(path) as image:
        return image.width


def test_rows_without_the_metric_are_left_out():
    assert series(ROWS, "train/loss") == ([1], [2.0])
    assert series(ROWS, "optim/lr") == ([1, 2], [0.1, 0.2])
    assert series(ROWS, "absent") == ([], [])


def test_names_are_found_by_their_last_part():
    assert names_ending(ROWS, "loss") == ["train/loss", "val/loss"]
    assert names_ending(ROWS, "oss") == []


def test_one_panel_for_each_kind_of_metric(tmp_path):
    plot_run(ROWS, tmp_path / "all.png", title="a run")
    plot_run([row for row in ROWS if "val/loss" not in row], tmp_path / "two.png")
    assert width(tmp_path / "all.png") == pytest.approx(1.5 * width(tmp_path / "two.png"), abs=2)


def test_nothing_to_draw_is_no_picture(tmp_path):
    plot_run([{"step": 1, "perf/step_ms": 3.0}], tmp_path / "none.png")
    assert not (tmp_path / "none.png").exists()
