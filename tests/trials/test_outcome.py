"""Results from folders that hold what a run leaves behind."""

import json

import pytest

from effjax.errors import UserError
from effjax.trials.outcome import read_result, read_results
from effjax.trials.trial import RunTrial
from effjax.trials.worker import write_failure


def make_run(folder, rows=(), final=None):
    folder.mkdir()
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    if final is not None:
        (folder / "summary.json").write_text(
            json.dumps({"step": 4, "best": {}, "final": final, "macs": 5})
        )
    return RunTrial(variant=folder.name, seed=0, config=None, workdir=folder)


def test_each_kind_of_end(tmp_path):
    rows = [{"step": 2, "val/top1": 0.5}]
    trials = [
        make_run(tmp_path / "done", rows, {"val/top1": 0.5}),
        make_run(tmp_path / "other", rows, {"val/loss": 0.5}),
        make_run(tmp_path / "begun", rows),
        make_run(tmp_path / "failed"),
    ]
    write_failure(trials[-1].workdir, "the mixer is unknown")
    found = read_results(trials, "val/top1")
    assert [result.value for result in found] == [0.5, None, None, None]
    reasons = ["", "no val/top1 in its summary", "not finished", "the mixer is unknown"]
    assert [result.reason for result in found] == reasons
    assert found[0].facts["summary"]["macs"] == 5
    assert found[0].facts["rows"] == rows


def test_a_run_that_ended_in_nan_has_no_value(tmp_path):
    """The summary keeps the last number of a metric: here that of step 2, and step 4 was NaN."""
    rows = [{"step": 2, "val/loss": 0.5}, {"step": 3}, {"step": 4, "val/loss": None}]
    found = read_result(make_run(tmp_path / "a", rows, {"val/loss": 0.5}), "val/loss")
    assert found.value is None
    assert found.reason == "val/loss is not a finite number at step 4"


@pytest.mark.parametrize("text", ["[]", "null", '{"reason": 3}'])
def test_a_failure_of_another_shape(text, tmp_path):
    trial = make_run(tmp_path / "a")
    (trial.workdir / "failed.json").write_text(text)
    with pytest.raises(UserError, match=r"failed\.json holds .*\nremove it"):
        read_result(trial, "val/loss")
