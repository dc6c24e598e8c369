"""What marks rows: the workload's config and its data."""

import dataclasses

import pytest

from effjax.bench.results import WORKLOADS, ResultsFolder
from effjax.bench.workloads import check_same_data, open_workload, time_updates_on_largest
from effjax.config import View
from effjax.errors import UserError
from effjax.report.progress import Quiet
from tests.bench.configs import DIGITS, small_workload


def open_small(**fields):
    section = small_workload()
    section.update(fields)
    return open_workload("easy", View(section), None)


def test_a_target_is_no_part_of_the_problem():
    one, other = open_small(), open_small(target=1.0)
    assert one.identity["problem_hash"] == other.identity["problem_hash"]
    assert one.identity["workload_hash"] != other.identity["workload_hash"]
    assert open_small(seed=1).identity["problem_hash"] != one.identity["problem_hash"]


def test_other_data_is_refused_and_another_config_is_not(tmp_path, digits):
    results = ResultsFolder(tmp_path)
    workload = open_workload("digits", DIGITS, None)
    check_same_data([workload], results, Quiet())
    assert (tmp_path / WORKLOADS).exists()
    check_same_data([workload], results, Quiet())  # the same again
    fewer = {name: array[:32] for name, array in digits.train.items()}
    changed = dataclasses.replace(workload, problem=dataclasses.replace(digits, train=fewer))
    with pytest.raises(UserError, match="that of workload 'digits' has changed\ngive another"):
        check_same_data([changed], results, Quiet())
    check_same_data([dataclasses.replace(changed, config_hash="other")], results, Quiet())


def test_rows_that_do_not_count_are_counted(finished, capsys):
    results = ResultsFolder(finished)
    check_same_data([dataclasses.replace(open_small(seed=1))], results, Quiet())
    shown = capsys.readouterr()
    assert "easy: 8 rows of another config or of other data do not count" in shown.err + shown.out
    (finished / WORKLOADS).unlink()


def test_updates_are_timed_on_the_largest():
    small, large = open_small(), open_workload("digits", DIGITS, None)
    assert [w.timed for w in time_updates_on_largest([small, large], True)] == [False, True]
    assert [w.timed for w in time_updates_on_largest([small, large], False)] == [False, False]
