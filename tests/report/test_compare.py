"""Comparison of runs: what the table says, and that the picture shows every run."""

import dataclasses

import pytest
from matplotlib.image import imread

from effjax.report.compare import Run, compare_table, differences, plot_runs


def make_run(name: str, seed: int, rate: float, steps: int = 8, finished: bool = True) -> Run:
    rows = [{"step": s, "train/loss": 2.0 / s, "perf/images_per_sec": 100.0} for s in range(1, 9)]
    rows += [{"step": s, "val/loss": 1.0 / s, "val/top1": 1 - 0.5 / s} for s in (4, 8)]
    rows = [row for row in rows if row["step"] <= steps]
    summary = {"wall_seconds": 75.0, "parameters": 1184022} if finished else None
    config = {"seed": seed, "optim.default.learning_rate": rate, "model.name": "caformer_s18"}
    return Run(name, rows, config, summary)


def test_the_table_names_what_differs_and_marks_what_is_unfinished():
    runs = [make_run("a", 0, 0.1), make_run("b", 1, 0.1, steps=5, finished=False)]
    header, rows = compare_table(runs)
    assert header[:3] == ["run", "val/top1", "val/loss"]
    assert rows[0] == [
        "a",
        "0.9375 (0.9375)",
        "0.125 (0.125)",
        "8 ",
        "1m15s",
        "100",
        "1.18 M",
        "seed=0",
    ]
    assert rows[1][3:] == ["5*", "-", "100", "-", "seed=1"]


def test_keys_are_written_short_unless_another_ends_alike():
    config = {"model.name": "a", "data.name": "b", "optim.default.b1": 0.9}
    other = config | {"model.name": "c", "optim.default.b1": 0.8}
    runs = [Run("x", [], config, None), Run("y", [], other, None)]
    assert differences(runs) == [{"model.name": "a", "b1": 0.9}, {"model.name": "c", "b1": 0.8}]


@pytest.mark.parametrize("count", [1, 2, 12])
def test_the_picture_has_a_colour_for_every_run(count, tmp_path):
    runs = [make_run(f"run{i}", i, 0.1 * (i + 1), finished=i != 1) for i in range(count)]
    plot_runs(runs, tmp_path / "compare.png")
    height, width, _ = imread(tmp_path / "compare.png").shape
    assert width > 2 * height
    assert [path.name for path in tmp_path.iterdir()] == ["compare.png"]


def test_what_matters_is_named_first_and_what_changes_no_result_last():
    one = {"log.every_steps": 1, "data.mean": (0, 0, 0), "optim.default.layer_decay": None}
    one |= {"task.frozen": None, "seed": 0, "data.name": "a"}
    other = {"log.every_steps": 2, "data.mean": (1, 1, 1), "optim.default.layer_decay": 0.8}
    other |= {"task.frozen": "backbone", "seed": 1, "data.name": "b"}
    _, own = differences([Run("x", [], one, None), Run("y", [], other, None)])
    assert list(own) == ["frozen", "layer_decay", "name", "mean", "seed", "every_steps"]


def test_a_run_that_is_extended_is_unfinished():
    run = make_run("a", 0, 0.1)
    assert run.is_finished
    assert not dataclasses.replace(run, summary=run.summary | {"step": 4}).is_finished
