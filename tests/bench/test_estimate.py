"""What a benchmark will take: the trials that are missing, by a step that is timed."""

import re

import pytest

from effjax.bench import estimate
from effjax.report.progress import Display
from tests.bench.configs import run, small_config


def test_only_what_is_missing_is_counted_and_nothing_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(estimate, "step_seconds", lambda workload, trial: 9.0)
    assert run(small_config(), tmp_path / "new", dry_run=True, price=3.6, display=Display()) is None
    assert not (tmp_path / "new").exists()
    said = capsys.readouterr().out
    assert re.search(r"easy +8 +20 +9e\+03 ms +24m00s", said)  # 8 trials of 20 steps
    assert "about 24m00s in all, 1.44 at 3.6 an hour" in said


def test_of_a_finished_benchmark_nothing_is_left(finished, monkeypatch, capsys):
    monkeypatch.setattr(estimate, "step_seconds", pytest.fail)
    run(small_config(), finished, dry_run=True, display=Display())
    assert re.search(r"easy +0 +20 +- +-", capsys.readouterr().out)
