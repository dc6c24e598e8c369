"""A metric over steps and seconds, from rows of runs."""

import pytest

from effjax.report.plots import Band
from effjax.sweep.over_time import common_values, over_seconds, seconds_a_step, time_table
from effjax.trials.paired import PairedTable, Result
from effjax.trials.trial import Trial


def result(variant, seed, losses, milliseconds):
    rows = []
    for step, loss in losses.items():
        rows.append({"step": step, "val/loss": loss, "perf/step_ms": milliseconds})
    trial = Trial(variant=variant, seed=seed, settings={})
    return Result(trial, list(losses.values())[-1], facts={"rows": rows, "summary": {}})


RESULTS = [
    result("slow", 0, {10: 1.0, 20: 0.5}, 200.0),
    # one that was continued has evaluations of its own
    result("slow", 1, {10: 2.0, 15: 0.9, 20: 0.7}, 220.0),
    result("untimed", 0, {10: 0.4}, None),
]


def test_steps_that_all_seeds_have():
    assert common_values(RESULTS[:2], "val/loss") == {10: [1.0, 2.0], 20: [0.5, 0.7]}


def test_a_table_by_steps_and_seconds():
    header, body = time_table(PairedTable(RESULTS, "val/loss"))
    rows = [dict(zip(header, row)) for row in body]
    assert [(row["variant"], row["step"], row["seconds"]) for row in rows] == [
        ("slow", "10", "2.1"),
        ("slow", "20", "4.2"),
        ("untimed", "10", "-"),
    ]
    assert rows[1]["mean"] == "0.6"
    # Student's quantile of one degree of freedom is 12.7
    low, high = map(float, rows[1]["95 % interval"].split(" to "))
    assert (high - low) / 2 == pytest.approx(12.706 * 0.1, rel=1e-3)
    assert rows[2]["95 % interval"] == "-"


def test_a_curve_over_seconds():
    assert seconds_a_step(RESULTS[:2]) == pytest.approx(0.21)
    moved = over_seconds(Band([10, 20], [1.5, 0.6]), RESULTS[:2])
    assert list(moved.x) == pytest.approx([2.1, 4.2])
    assert over_seconds(Band([10], [0.4]), RESULTS[2:]) is None
