"""runs.csv comes back as it was written."""

from pathlib import Path

import pytest

from effjax.errors import UserError
from effjax.trials.paired import Result
from effjax.trials.runs_table import RUNS, read_runs, write_runs
from effjax.trials.trial import RunTrial, Trial


def test_values_keep_all_digits_and_failures_their_reason(tmp_path):
    trained = RunTrial(variant="a, b", seed=0, config=None, workdir=Path("runs/a"))
    results = [
        Result(trained, 1 / 3),
        Result(Trial(variant="c", seed=1, fold=2), None, "not finite"),
    ]
    write_runs(tmp_path, "val/top1", results)
    first, second = read_runs(tmp_path)
    assert (first.trial.variant, first.trial.repetition, first.value) == ("a, b", 0, 1 / 3)
    assert second.trial.repetition == (1, 2)
    assert (second.value, second.reason) == (None, "not finite")


def test_what_is_no_table_is_refused(tmp_path):
    with pytest.raises(UserError, match="nothing was compared there yet"):
        read_runs(tmp_path)
    (tmp_path / RUNS).write_text("variant,seed,val/top1,reason,folder\na,one,0.5,,\n")
    with pytest.raises(UserError, match="a row that is no result"):
        read_runs(tmp_path)
