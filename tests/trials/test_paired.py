"""Variants times seeds, with values made by hand."""

import math

import pytest

from effjax.report.statistics import t_interval
from effjax.trials.paired import PairedTable, Result
from effjax.trials.trial import Trial


def make_results(**variants):
    """{variant: values by seed} -> results."""
    found = []
    for name, values in variants.items():
        for seed, value in enumerate(values):
            trial = Trial(variant=name, seed=seed)
            found.append(Result(trial, value, facts={"seconds": 2.0}))
    return found


@pytest.fixture
def table():
    results = make_results(
        base=[0.80, 0.70, 0.90],
        above=[0.90, 0.81, 0.99],
        noisy=[0.95, 0.60, 0.91],
        once=[0.99, None, None],
        lost=[math.nan, None, math.inf],
    )
    return PairedTable(results, "val/top1")


def test_differences_are_taken_seed_by_seed(table):
    found = table.difference("above")
    assert found == t_interval([0.90 - 0.80, 0.81 - 0.70, 0.99 - 0.90])
    assert table.difference("once").estimate == pytest.approx(0.19)
    assert table.difference("lost") is None
    assert table.difference("above", "noisy").estimate == pytest.approx(0.08)


def test_verdicts(table):
    verdicts = [table.verdict(name) for name in table.variants[1:]]
    assert verdicts == ["better", "not distinguishable", "not distinguishable", "-"]
    as_loss = PairedTable(make_results(base=[0.8, 0.7], above=[0.9, 0.8001]), "val/loss")
    assert as_loss.verdict("above") == "worse"
    assert PairedTable(as_loss.results("base"), "val/top1", less_is_better=True).less_is_better


def test_what_is_not_finite_is_no_value(table):
    """NaN and infinity are in no mean and no comparison, and the reason says what came."""
    assert table.values("lost") == {}
    assert math.isnan(table.interval("lost").estimate)
    assert [r.reason for r in table.results("lost")] == ["ended at nan", "", "ended at inf"]


def test_cells(table):
    header, body = table.cells({"time": lambda own: f"{own[0].facts['seconds']:.0f}s"})
    assert header == ["variant", "val/top1", "deviation", "seeds", "minus base", "verdict", "time"]
    rows = {row[0]: row for row in body}
    assert list(rows) == table.variants
    assert rows["base"][1:6] == ["0.8000", "0.1000", "3/3", "-", "base"]
    assert rows["once"][4] == "+0.1900 (one seed)"
    assert rows["lost"][1:6] == ["-", "-", "0/3", "-", "-"]
    assert rows["above"][4].startswith("+0.1000 (+0.07")
    assert rows["above"][6] == "2s"
