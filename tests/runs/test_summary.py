"""Final and best values; what is not finite is neither."""

import numpy as np

from effjax.runs.summary import summarise, summary_table

ROWS = [
    {"step": 1, "train/loss": 2.0, "val/top1": 0.5, "val/loss": 1.0},
    {"step": 2, "train/loss": 1.0, "val/top1": 0.7, "val/loss": 1.5},
    {"step": 3, "train/loss": 0.5, "val/top1": None, "val/loss": None},
]


def summary_of(rows):
    return summarise(rows, {"w": np.zeros((2, 3))}, 3, 96, 1.234)


def test_the_best_is_finite_and_held_out():
    summary = summary_of(ROWS)
    assert summary["best"] == {
        "val/top1": {"value": 0.7, "step": 2},
        "val/loss": {"value": 1.0, "step": 1},
    }
    assert summary["final"] == {"train/loss": 0.5, "val/top1": None, "val/loss": None}
    figures = {key: summary[key] for key in ("step", "images", "wall_seconds", "parameters")}
    assert figures == {"step": 3, "images": 96, "wall_seconds": 1.23, "parameters": 6}


def test_the_table_that_closes_a_run(tmp_path):
    (tmp_path / "summary.json").touch()
    rows = dict(summary_table(summary_of(ROWS[:2]) | {"macs": 1234}, tmp_path))
    assert rows["val/top1"] == "0.7000   (best 0.7000)"
    assert rows["val/loss"] == "1.5000   (best 1.0000)"
    assert rows["multiply-adds an image"] == "1,234"
    assert rows["summary"] == str(tmp_path / "summary.json")
    assert "metrics" not in rows
    assert dict(summary_table(summary_of(ROWS), tmp_path))["val/loss"].startswith("not finite")
