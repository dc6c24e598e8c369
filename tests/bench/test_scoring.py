"""Scores of rows made by hand."""

import math

import pytest

from effjax.bench.scoring import Scores, claim_verdict, workload_verdict
from effjax.bench.settings import Goal
from effjax.report.profiles import MISSED
from effjax.report.statistics import Comparison, Interval, compare_paired

UNKNOWN = Interval(math.nan, math.nan, math.nan)
GOAL = Goal("val/loss", 0.5, 40, 8)


def row(optimizer, rate, seed, values, status="done", workload="w", number=0):
    return {
        "key": f"{workload}{optimizer}{rate}{seed}",
        "workload": workload,
        "optimizer": optimizer,
        "number": number,
        "settings": {"learning_rate": rate},
        "seed": seed,
        "status": status,
        "reason": "",
        "steps": [10, 20, 30, 40],
        "values": {"val/loss": values},
        "train_seconds": [1.0, 2.0, 3.0, 4.0],
        "compile_seconds": 0.5,
        "program_compile_seconds": 5.0,
    }


ROWS = [
    row("a", 0.1, 0, [0.9, 0.5, 0.4, 0.30]),
    row("a", 0.1, 1, [0.9, 0.6, 0.5, 0.40]),
    row("a", 0.2, 0, [0.5, 0.9, 0.9, 0.90], number=1),
    row("a", 0.2, 1, [0.9, 0.9, 0.9, 0.90], number=1),
    row("b", 0.1, 0, [0.9, 0.9, 0.9, 0.45]),
    row("b", 0.1, 1, [0.9, 0.9, 0.5, 0.40]),
    row("b", 0.2, 0, [0.9, None, None, None], status="diverged", number=1),
    row("b", 0.2, 1, [0.9, 0.8, 0.8, 0.80], number=1),
]


@pytest.fixture
def table():
    return Scores(ROWS, {"w": GOAL}, "b")


def test_best_setting(table):
    best = table.best("w", "a")
    assert best.settings == {"learning_rate": 0.1}  # 30 in the median against never
    assert best.times() == [20, 30]
    assert table.best("w", "c") is None


def test_study_times_and_scores(table):
    # a: best trials of the seeds are 10 and 30, upper median 30; b: 40 and 30, so 40
    assert table.times() == {"a": {"w": 30}, "b": {"w": 40}}
    assert table.scores() == {"a": 1.0, "b": pytest.approx((4 - 4 / 3) / 3)}
    assert table.rank_ranges() == {"a": (1, 1), "b": (2, 2)}


def test_comparison_pairs_seeds_of_the_best_settings(table):
    found = table.compare("a")  # 40/20 and 30/30
    assert found.ratio.estimate == pytest.approx(math.sqrt(2))
    assert (found.pairs, found.verdict) == (2, "not distinguishable")


def test_failures_and_forgiveness(table):
    assert table.divergence("a") == (0, 4)
    assert table.divergence("b") == (1, 4)
    assert table.near_best("a") == 0.5
    assert table.best("w", "b").failures == []
    # b's finals: 0.425, and a failure that counts as the worst, 0.9
    assert table.expected_best("w", "b") == pytest.approx(
        [(0.425 + 0.9) / 2, 0.75 * 0.425 + 0.25 * 0.9]
    )


def test_no_target_no_time():
    table = Scores(ROWS, {"w": Goal("val/loss", None, 40, 8)}, "b")
    assert table.scores() == {}
    assert table.best("w", "a").times() == [MISSED, MISSED]
    assert table.compare("a").verdict == "no pairs"


def test_finals_are_paired_by_seed(table):
    finals = table.finals("w")
    assert (finals.base, finals.variants) == ("b", ["a", "b"])
    # of the best settings: .30 and .40 against .45 and .40
    assert finals.difference("a").estimate == pytest.approx(-0.075)
    assert finals.less_is_better


NAN_ROWS = [
    row("nan", 0.1, 0, [0.9, 0.1, math.nan, math.nan]),
    row("nan", 0.1, 1, [math.nan, math.nan, math.nan, math.nan]),
    row("short", 0.1, 0, []),
    row("short", 0.1, 1, [0.9, 0.9, 0.9, 0.9]),
]


def test_nan_and_missing_values_never_win():
    """Also in rows that somebody else has written, with the status "done" beside NaN."""
    table = Scores([*ROWS, *NAN_ROWS], {"w": GOAL}, "b")
    assert table.best("w", "nan").finals() == [math.inf, math.inf]
    assert table.best("w", "nan").times() == [20, MISSED]  # what was reached before it was lost
    assert table.best("w", "short").finals() == [math.inf, 0.9]
    assert table.best("w", "short").final == math.inf
    assert table.worst("w") == 0.9
    assert table.near_best("nan") == 0.0
    assert table.expected_best("w", "nan") == [0.9]
    assert table.finals("w").values("nan") == {}
    assert math.isfinite(table.final_interval(table.best("w", "short")).estimate)


def test_nothing_finite_at_all():
    table = Scores(NAN_ROWS[1:2], {"w": GOAL}, "nan")
    assert table.expected_best("w", "nan") == []
    assert table.worst("w") == math.inf


@pytest.mark.parametrize(
    ("ratio", "verdict", "answer"),
    [
        ((2.1, 1.8, 2.4), "faster", "true here"),
        ((1.8, 1.4, 2.2), "faster", "true here"),
        ((1.3, 1.1, 1.5), "faster", "not true here"),
        ((1.6, 0.9, 2.5), "not distinguishable", "not distinguishable"),
        ((0.6, 0.5, 0.7), "slower", "not true here"),
    ],
)
def test_claims(ratio, verdict, answer):
    assert claim_verdict(Comparison(Interval(*ratio), 0.01, verdict, 9, UNKNOWN), 2.0) == answer


@pytest.mark.parametrize(
    ("own", "answer"),
    [
        ([20, 21, 19], "true here"),  # about twice as fast, whatever the seed
        ([30, 31, 29], "not true here"),
        ([10, 40, 39], "cannot be told"),
    ],
)
def test_a_verdict_on_one_workload(own, answer):
    found = compare_paired({"w": own}, {"w": [40, 41, 39]}, missed={"w": 50.0})
    assert workload_verdict(found, 2.0) == answer
    nothing = compare_paired({}, {}, missed={})
    assert workload_verdict(nothing, 2.0) == "not answered"
