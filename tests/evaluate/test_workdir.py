"""A run is evaluated as the run itself does it."""

import contextlib
import json

import pytest

from effjax import cli
from effjax.evaluate import evaluate_workdir
from tests import mistakes


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with the run runs/quickstart."""
    folder = tmp_path_factory.mktemp("workdir")
    mistakes.make_world(folder)
    with contextlib.chdir(folder):
        cli.main(["train", "--config=configs/quickstart.py", "--quiet"])
    return folder


def test_the_metrics_are_those_written_while_training(trained):
    workdir = trained / "runs/quickstart"
    final = json.loads((workdir / "summary.json").read_text())["final"]
    metrics = evaluate_workdir(workdir)
    assert metrics == {name: final[name] for name in metrics}
    assert "val/top1" in metrics


def test_quiet_shows_results_and_nothing_else(trained, monkeypatch, capsys):
    monkeypatch.chdir(trained)
    cli.main(["evaluate", "--workdir=runs/quickstart", "--quiet"])
    told = capsys.readouterr()
    assert told.err == ""
    assert told.out.startswith("runs/quickstart at step 4\n")
    assert "val/top1" in told.out
