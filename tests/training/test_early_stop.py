"""When a run ends before its last step, and that a break changes nothing."""

import os
import signal

import pytest

import effjax
from effjax.errors import Preempted, UserError
from effjax.report import choose_display
from effjax.runs.metrics import read_rows
from effjax.training.early_stop import EarlyStop, catch_up
from tests.training.toy import Points, line_config


def ends_at(metric, values, patience=2, min_delta=0.0):
    """The number of the measurement that ends a run; None: none does."""
    stop = EarlyStop(metric, patience, min_delta)
    for number, value in enumerate(values):
        stop.see({"step": number, metric: value})
        stop.see({"step": number, "val/other": 1.0})
        if stop.is_due:
            return number
    return None


def test_patience_counts_measurements_since_the_best():
    assert ends_at("val/top1", [0.1, 0.2, 0.2, 0.3, 0.3, 0.1, 0.4]) == 5
    assert ends_at("val/loss", [3.0, 2.0, 1.0, 0.5]) is None
    assert ends_at("val/loss", [1.0, 2.0, 1.5]) == 2


def test_what_is_hardly_better_is_no_improvement():
    assert ends_at("val/top1", [0.50, 0.54, 0.58], min_delta=0.05) is None
    assert ends_at("val/top1", [0.50, 0.54, 0.55], min_delta=0.05) == 2
    assert ends_at("val/loss", [1.0, 0.99, 0.98], min_delta=0.1) == 2


def test_nan_is_no_improvement_and_no_metric_ends_nothing():
    assert ends_at("val/top1", [float("nan"), None, 0.2], patience=2) == 1
    assert not EarlyStop(None, 1, 0.0).is_due


def test_it_catches_up_with_a_run():
    stop = EarlyStop("val/top1", 2, 0.0)
    catch_up(stop, [{"step": s, "val/top1": v} for s, v in ((5, 0.3), (10, 0.2), (15, 0.1))])
    assert stop.is_due
    assert stop.facts() == {"metric": "val/top1", "best": 0.3, "best_step": 5}
    stop.see({"step": 15, "val/top1": 0.9})  # seen before: an evaluation that was made again
    assert stop.is_due


def config(**early_stop):
    made = line_config()
    made.parallel.devices = 1
    made.task.early_stop.update(metric="val/loss", patience=1, min_delta=100.0)
    made.task.early_stop.update(early_stop)
    return made


def run(config, workdir):
    return effjax.train(config, workdir, display=choose_display(quiet=True))


def measured(workdir):
    rows = []
    for row in read_rows(workdir):
        rows.append({name: row[name] for name in row if not name.startswith("perf/")})
    return rows


def test_a_run_that_is_broken_off_ends_where_the_whole_one_does(tmp_path, monkeypatch):
    summary = run(config(), tmp_path / "whole")
    assert (summary["step"], summary["ended_early"]) == (10, True)
    assert summary["early_stop"]["best_step"] == 5
    batches = Points.batches

    def interrupting(self, start=0):
        for step, batch in enumerate(batches(self, start), start):
            if step + 1 == 7:
                os.kill(os.getpid(), signal.SIGTERM)
            yield batch

    with monkeypatch.context() as patched:
        patched.setattr(Points, "batches", interrupting)
        with pytest.raises(Preempted):
            run(config(), tmp_path / "run")
    assert run(config(), tmp_path / "run")["step"] == 10
    assert measured(tmp_path / "run") == measured(tmp_path / "whole")
    # what ended early is over: the same command trains nothing more
    before = (tmp_path / "run/metrics.jsonl").read_text()
    run(config(), tmp_path / "run")
    assert (tmp_path / "run/metrics.jsonl").read_text() == before
    # killed between the last evaluation and the summary
    (tmp_path / "run/summary.json").unlink()
    assert run(config(), tmp_path / "run")["ended_early"]
    assert measured(tmp_path / "run") == measured(tmp_path / "whole")


def test_wrong_keys_are_refused(tmp_path):
    message = r"task\.early_stop\.metric = 'test/top1'; measured are: val/\.\.\."
    with pytest.raises(UserError, match=message):
        run(config(metric="test/top1"), tmp_path)
    with pytest.raises(UserError, match=r"nothing reads it: config\.task\.early_stop\.min_delta"):
        run(config(metric=None, patience=10), tmp_path)
