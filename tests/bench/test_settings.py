"""Settings of rows made by hand."""

import math

from effjax.bench.settings import gather_settings, row_time
from effjax.report.profiles import MISSED
from tests.bench.test_scoring import GOAL, ROWS, row


def test_rows_of_one_setting_are_its_seeds():
    other = row("a", 0.1, 0, [0.9] * 4, workload="not asked for")
    # the same setting of another folder, where it has another number
    again = row("a", 0.1, 2, [0.9] * 4, number=7)
    found = gather_settings([*ROWS, other, again], {"w": GOAL})
    assert set(found) == {("w", "a"), ("w", "b")}
    first, second = found["w", "a"]
    assert sorted(first.rows) == [0, 1, 2]
    assert second.settings == {"learning_rate": 0.2}
    assert sorted(second.rows) == [0, 1]


def test_times_to_the_target_on_each_clock():
    setting = gather_settings(ROWS, {"w": GOAL})["w", "a"][0]
    assert setting.times() == [20, 30]
    assert setting.times("examples") == [160, 240]
    assert setting.times("seconds") == [2, 3]
    assert setting.times("seconds with compilation") == [7, 8]


def test_a_time_that_nobody_measured_is_a_miss():
    untimed = row("a", 0.1, 0, [0.4, 0.4, 0.4, 0.4]) | {"train_seconds": [None] * 4}
    assert row_time(untimed, GOAL) == 10
    assert row_time(untimed, GOAL, "seconds") == MISSED


def test_a_failed_seed_leaves_the_setting_without_a_mean():
    failed, fine = gather_settings(ROWS, {"w": GOAL})["w", "b"][::-1]
    assert failed.finals() == [math.inf, 0.8]
    assert failed.finite_finals() == [0.8]
    assert failed.final == math.inf
    assert [r["status"] for r in failed.failures] == ["diverged"]
    assert fine.failures == []
