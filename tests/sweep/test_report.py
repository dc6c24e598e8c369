"""The report, from folders that hold what finished runs leave behind."""

import json

import pytest

from effjax.report.progress import Quiet
from effjax.sweep.report import mean_curve, outcome_table, write_report
from effjax.trials.outcome import read_results
from effjax.trials.paired import PairedTable
from effjax.trials.plan import Plan
from effjax.trials.trial import RunTrial
from effjax.trials.worker import write_failure

LOSSES = {"base": [0.5, 0.6], "better": [0.4, 0.5]}


@pytest.fixture
def plan(tmp_path):
    """Two variants that have finished, one that failed."""
    trials = []
    for variant in (*LOSSES, "lost"):
        for seed in range(2):
            workdir = tmp_path / variant / f"seed{seed}"
            trial = RunTrial(
                variant=variant, seed=seed, settings={"a.b": 3}, config=None, workdir=workdir
            )
            trials.append(trial)
            if variant == "lost":
                write_failure(workdir, "no such mixer")
            else:
                finish(workdir, LOSSES[variant][seed])
    return Plan(tuple(trials), "val/loss", "base")


def finish(workdir, loss):
    workdir.mkdir(parents=True)
    rows = [{"step": 1, "val/loss": 1.0}, {"step": 2, "val/loss": loss}]
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    summary = {"step": 2, "final": {"val/loss": loss}, "best": {}, "parameters": 1500}
    summary |= {"macs": 2e6, "wall_seconds": 3.0}
    (workdir / "summary.json").write_text(json.dumps(summary))


def test_table(plan):
    header, body = outcome_table(PairedTable(read_results(plan.trials, plan.metric), plan.metric))
    assert header[-3:] == ["params", "macs", "time"]
    rows = {row[0]: dict(zip(header, row)) for row in body}
    assert rows["better"]["minus base"].startswith("-0.1000 (-0.1000")
    assert rows["better"]["verdict"] == "better"
    assert [rows["base"][name] for name in header[-3:]] == ["1.5 k", "2 M", "3s"]
    assert rows["lost"]["seeds"] == "0/2"


def test_curves_are_means_at_common_steps(plan):
    results = read_results(plan.trials, plan.metric)
    band = mean_curve(results[:2], plan.metric)
    assert list(band.x) == [1, 2]
    assert band.middle.tolist() == pytest.approx([1.0, 0.55])
    assert (band.low[1], band.high[1]) == (0.5, 0.6)


def test_files(plan, tmp_path):
    write_report(plan, tmp_path, "Sweep x", Quiet())
    page = (tmp_path / "report.html").read_text()
    assert page.count("<svg") == 3
    assert "Runs without a result" in page
    assert "a.b = 3" in (tmp_path / "report.md").read_text()
    runs = (tmp_path / "runs.csv").read_text().splitlines()
    assert len(runs) == 7
    assert runs[5].startswith("lost,0,,no such mixer,")
