"""A run is evaluated as the run itself does it."""

import json

import pytest

import effjax
from effjax import cli
from effjax.evaluate import evaluate_workdir
from effjax.report import choose_display
from tests.training.toy import line_config


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that holds the run runs/line."""
    folder = tmp_path_factory.mktemp("workdir")
    config = line_config(total_steps=4.0)
    config.parallel.devices = 1
    effjax.train(config, folder / "runs/line", display=choose_display(quiet=True))
    return folder


def test_the_metrics_are_those_written_while_training(folder):
    workdir = folder / "runs/line"
    final = json.loads((workdir / "summary.json").read_text())["final"]
    expected = {name: final[name] for name in ("val/loss", "val_ema/loss")}
    assert evaluate_workdir(workdir) == expected


def test_an_average_of_checkpoints_has_a_name_of_its_own(folder):
    final = json.loads((folder / "runs/line/summary.json").read_text())["final"]
    measured = evaluate_workdir(folder / "runs/line", step="average:1")
    assert measured == {"val_average/loss": final["val_ema/loss"]}


def test_quiet_shows_results_and_nothing_else(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    cli.main(["evaluate", "--workdir=runs/line", "--quiet"])
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("runs/line at step 4\n")
    assert "val/loss" in told.out
