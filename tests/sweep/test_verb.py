"""A sweep of runs of seconds: planned, trained, resumed, reported."""

import json
import shutil

import pytest

from effjax.errors import UserError
from effjax.report.progress import Quiet
from effjax.sweep import grid, make_plan, sweep
from effjax.trials.worker import FAILED, write_failure
from tests.trials.configs import RANGES, VARIANTS, write_config

TWO_STEPS = ["--config.total_steps=2"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sweep")
    spec = write_config(folder)
    sweep(spec, folder / "runs", overrides=TWO_STEPS, display=Quiet())
    return spec, folder / "runs"


@pytest.mark.slow
def test_runs_table_and_failures(trained):
    _, workdir = trained
    table = (workdir / "table.csv").read_text().splitlines()
    assert [line.partition(",")[0] for line in table] == ["variant", "base", "hot", "lost"]
    assert ",2/2," in table[1]
    assert ",0/2," in table[3]  # a variant that cannot be built is a row with its reason
    assert "mixers has 3 entries" in (workdir / "runs.csv").read_text()
    summary = json.loads((workdir / "base/seed0/summary.json").read_text())
    assert summary["step"] == 2
    assert json.loads((workdir / "hot/seed1/config.json").read_text())["config"]["seed"] == 1
    assert "<svg" in (workdir / "report.html").read_text()


@pytest.mark.slow
def test_again_trains_nothing_and_other_configs_are_refused(trained):
    spec, workdir = trained
    before = (workdir / "base/seed0/summary.json").stat().st_mtime_ns
    sweep(spec, workdir, overrides=TWO_STEPS, display=Quiet())
    assert (workdir / "base/seed0/summary.json").stat().st_mtime_ns == before
    with pytest.raises(UserError, match="made with another config"):
        sweep(spec, workdir, overrides=["--config.total_steps=3"], display=Quiet())


def test_a_sweep_of_an_older_revision_is_continued(tmp_path):
    """Its runs are over: nothing is trained, and the table is the one that it wrote."""
    shutil.copytree("tests/keepsakes/sweep", tmp_path / "sweep")
    before = (tmp_path / "sweep/table.csv").read_text().splitlines()
    sweep("configs/ablations/mixers.py:quick", tmp_path / "sweep", display=Quiet())
    after = (tmp_path / "sweep/table.csv").read_text()
    # a difference begins with its sign; the mark in front of it keeps spreadsheets from reckoning
    assert after.replace("'", "").splitlines() == before


def test_flags(tmp_path):
    spec = write_config(tmp_path)
    for flags, message in [
        ({"runner": "slurm"}, "expected one of here, local, ray"),
        ({"workers": 0}, "give 1 or more"),
        ({"search": "optun"}, "expected one of none, optuna"),
        ({"search": "optuna"}, "chooses from ranges"),
    ]:
        with pytest.raises(UserError, match=message):
            sweep(spec, tmp_path, display=Quiet(), **flags)


def test_a_failure_is_not_tried_again_unless_asked(tmp_path):
    text = VARIANTS.replace("(0, 1)", "(0,)")
    spec = write_config(tmp_path, text)
    workdir = tmp_path / "runs"
    plan = make_plan(spec, ["--config.total_steps=1"], workdir)
    for trial in plan.trials:
        write_failure(trial.workdir, "the disk was full")
    sweep(spec, workdir, overrides=["--config.total_steps=1"], display=Quiet())
    assert not (workdir / "base/seed0/summary.json").exists()
    assert "the disk was full" in (workdir / "report.md").read_text()
    assert (workdir / "base/seed0" / FAILED).exists()


def test_spaces_come_with_the_room():
    assert len(grid({"a": [1, 2]})) == 2


@pytest.mark.slow
def test_processes_of_this_machine(tmp_path):
    """The same runs in two processes: a crash of one is a row, the values are those of one."""
    spec = write_config(tmp_path)
    arguments = {"overrides": TWO_STEPS, "display": Quiet()}
    sweep(spec, tmp_path / "local", runner="local", workers=2, **arguments)
    table = (tmp_path / "local/table.csv").read_text().splitlines()
    assert ",2/2," in table[1]
    assert ",0/2," in table[3]


@pytest.mark.slow
def test_optuna_without_ray(tmp_path):
    """Three choices beside the config as it is; again, nothing is left to train."""
    pytest.importorskip("optuna")
    spec = write_config(tmp_path, RANGES)
    for _ in range(2):
        sweep(spec, tmp_path / "runs", overrides=TWO_STEPS, search="optuna", display=Quiet())
        rows = (tmp_path / "runs/runs.csv").read_text().splitlines()[1:]
        assert [bool(row.split(",")[2]) for row in rows] == [True] * 4
        assert (tmp_path / "runs/search.jsonl").read_text().count("\n") == 3
