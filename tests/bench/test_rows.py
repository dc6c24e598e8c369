"""Rows of curves made by hand."""

import math

import numpy as np
import pytest

from effjax.bench.program import Curves
from effjax.bench.rows import (
    DIVERGED,
    DONE,
    FAILED,
    failed_row,
    final_value,
    finite_or_nan,
    make_row,
)
from tests.bench.configs import trials_of

IDENTITY = {"workload": "w", "workload_hash": "a", "problem_hash": "b", "machine": "m"}


def make_curves(error, loss, seconds=(0.5, 1.0)):
    values = {"val/error": np.array([error]), "val/loss": np.array([loss])}
    return Curves([5, 10], values, list(seconds), 0.1, 0.2, 1)


def test_a_whole_curve():
    row = make_row(trials_of("sgd", 2)[0], IDENTITY, make_curves([0.5, 0.25], [2.0, 1.0]), 0, {})
    assert (row["status"], row["reason"], row["machine"]) == (DONE, "", "m")
    assert final_value(row, "val/error") == 0.25
    assert final_value(row, "val/other") == math.inf


def test_from_where_any_metric_is_not_finite_none_counts():
    """An error of 0 beside a loss of NaN is no result: it never wins."""
    curves = make_curves([0.5, 0.0], [2.0, math.nan], seconds=(math.nan, math.nan))
    row = make_row(trials_of("sgd", 2)[0], IDENTITY, curves, 0, {})
    assert row["status"] == DIVERGED
    assert row["values"] == {"val/error": [0.5, None], "val/loss": [2.0, None]}
    assert row["reason"] == "not finite at step 10 or before"
    assert row["train_seconds"] == [None, None]
    assert final_value(row, "val/error") == math.inf


def test_a_trial_that_raised():
    row = failed_row(trials_of("sgd", 2)[0], IDENTITY, ValueError("too\nlong"))
    assert (row["status"], row["reason"]) == (FAILED, "ValueError: too")
    assert final_value(row, "val/error") == math.inf


@pytest.mark.parametrize("value", [None, math.nan, math.inf, "a"])
def test_what_is_no_number(value):
    assert math.isnan(finite_or_nan(value))
    row = {"status": DONE, "values": {"val/error": [0.5, value]}}
    assert final_value(row, "val/error") == math.inf
