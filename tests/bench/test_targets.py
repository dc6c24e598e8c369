"""Targets: the procedure, the file, what is proposed where there is none."""

import json
import math
import shutil
from pathlib import Path

import pytest

from effjax.bench import BenchConfig, use_targets
from effjax.bench.results import ResultsFolder
from effjax.bench.scoring import Scores
from effjax.bench.targets import choose_target, write_targets
from effjax.bench.workloads import open_workload
from effjax.config import View, load
from effjax.errors import UserError
from effjax.report import Display
from effjax.report.progress import Quiet
from tests.bench.configs import run, small_config
from tests.bench.test_scoring import GOAL, ROWS


@pytest.fixture
def scores():
    return Scores(ROWS, {"w": GOAL}, "b")


def test_target_by_the_procedure(scores):
    # the best setting is a's first: finals .3 and .4; at 75 % its seeds are at .4 and .5
    settings = [*scores.of("w", "a"), *scores.of("w", "b")]
    assert choose_target(settings, 1.0) == 0.4
    assert choose_target(settings, 0.75) == 0.5


def test_what_has_failed_gives_no_target(scores):
    """A setting whose other seed diverged is not the best, however low it ends."""
    failed, sound = scores.of("w", "b")[1], scores.of("w", "a")[1]
    assert choose_target([failed], 1.0) == math.inf
    assert choose_target([failed, sound], 1.0) == 0.9
    assert choose_target([sound], 0.1) == math.inf  # no evaluation that early


def test_targets_from_rows(finished, tmp_path, capsys):
    config = small_config()
    config.targets_from = ("adamw", "sgd")
    path = tmp_path / "targets.json"
    shutil.copytree(finished, tmp_path / "bench")
    finished = tmp_path / "bench"
    run(config, finished, only_report=True, make_targets=path, display=Display())
    shown = capsys.readouterr().out
    assert "easy: val/loss <= " in shown
    assert "best of 8 trials" in shown
    assert f"targets of 1 workloads written to {path}" in shown
    target = json.loads(path.read_text())["targets"]["easy"]["target"]
    use_targets(config.workloads, path)
    assert config.workloads.easy.target == target > 0
    with pytest.raises(UserError, match="cannot be read"):
        use_targets(config.workloads, tmp_path / "none.json")
    config.targets_from = ("lion",)
    with pytest.raises(UserError, match="no finished trial of lion"):
        run(config, finished, only_report=True, make_targets=path)


def test_without_a_target_final_errors_and_a_proposal_are_shown(finished, tmp_path, capsys):
    shutil.copytree(finished, tmp_path / "bench")
    config = small_config()
    config.targets_from = ("adamw",)
    config.workloads.easy.target = None
    run(config, tmp_path / "bench", only_report=True, display=Display())
    shown = capsys.readouterr().out
    assert "easy: val/loss at the end" in shown
    assert "minus adamw" in shown
    assert "easy has no target; proposed: val/loss <= " in shown
    assert "--make-targets=FILE" in shown


def test_shipped_targets_are_those_of_the_shipped_rows(tmp_path):
    """The rows of an older revision are read, and give the numbers that it gave."""
    view = View(load("configs/bench/smoke.py", [], BenchConfig))
    results = ResultsFolder(tmp_path)
    results.merge(Path("configs/bench/baselines/smoke"))
    workloads = [open_workload(label, view.workloads[label], None) for label in view.workloads]
    path = tmp_path / "targets.json"
    write_targets(path, view, workloads, results, Quiet())
    assert path.read_text() == Path("configs/bench/targets/smoke.json").read_text()
