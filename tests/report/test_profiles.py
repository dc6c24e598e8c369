"""Scores of tables made by hand, and AlgoPerf's own published table with its own scores."""

import json
import math
from pathlib import Path

import pytest

from effjax.report import profiles

MISSED = profiles.MISSED
# two workloads; a is best on the first, b on the second by a factor of 2, c misses the second
TIMES = {
    "a": {"w1": 10.0, "w2": 40.0},
    "b": {"w1": 30.0, "w2": 20.0},
    "c": {"w1": 20.0, "w2": MISSED},
}
PARITY = Path(__file__).parent.parent / "parity/algoperf.json"


@pytest.mark.parametrize(
    ("values", "target", "lower", "expected"),
    [
        ([0.9, 0.5, 0.7, 0.4], 0.5, True, 20),
        ([0.9, 0.5, 0.7, 0.4], 0.45, True, 40),
        ([0.9, 0.5, 0.7, 0.4], 0.3, True, MISSED),
        ([0.1, 0.6, 0.5, 0.8], 0.6, False, 20),
        ([-math.inf, math.nan, 0.1, 0.1], 0.5, True, 30),
        ([], 0.5, True, MISSED),
    ],
)
def test_time_to_target(values, target, lower, expected):
    steps = [10, 20, 30, 40][: len(values)]
    assert profiles.time_to_target(steps, values, target, lower) == expected


def test_study_time_is_the_median_of_the_best_trials():
    assert profiles.study_time([[9, 5], [7, MISSED], [MISSED, 6]]) == 6
    assert profiles.study_time([[9], [MISSED], [MISSED]]) == MISSED
    assert profiles.study_time([[4], [MISSED]]) == MISSED  # an even count: the worse middle
    assert profiles.study_time([]) == MISSED


def test_ratios_by_hand():
    assert profiles.ratios(TIMES) == {
        "a": {"w1": 1.0, "w2": 2.0},
        "b": {"w1": 3.0, "w2": 1.0},
        "c": {"w1": 2.0, "w2": MISSED},
    }
    to_c = profiles.ratios(TIMES, reference="c")
    assert to_c["a"] == {"w1": 0.5, "w2": MISSED}


def test_profile_and_score_by_hand():
    found = profiles.ratios(TIMES)
    assert profiles.performance_profile(found["a"], [1, 1.9, 2, 4]).tolist() == [0.5, 0.5, 1, 1]
    assert profiles.performance_profile(found["c"], [1, 2, 400]).tolist() == [0, 0.5, 0.5]
    # a: 1/2 on [1, 2), 1 on [2, 4]: (0.5 + 2) / 3; b: 1/2 up to 3; c: 1/2 from 2 on
    assert profiles.profile_score(found["a"]) == pytest.approx(2.5 / 3)
    assert profiles.profile_score(found["b"]) == pytest.approx(2.0 / 3)
    assert profiles.profile_score(found["c"]) == pytest.approx(1.0 / 3)
    # with tau up to 2 alone: a never leaves 1/2
    assert profiles.profile_score(found["a"], up_to=2.0) == pytest.approx(0.5)


def test_all_missed_scores_nothing():
    times = {"a": {"w": MISSED}, "b": {"w": MISSED}}
    assert [profiles.profile_score(own) for own in profiles.ratios(times).values()] == [0, 0]


def test_geometric_speedup_by_hand():
    # b over a: 10/30 and 40/20: sqrt(2/3); c misses w2, which then took 80
    assert profiles.geometric_speedup(TIMES, "b", "a", 80.0) == pytest.approx(math.sqrt(2 / 3))
    assert profiles.geometric_speedup(TIMES, "c", "a", 80.0) == pytest.approx(math.sqrt(0.25))


def test_ranks_when_a_workload_is_left_out():
    # without w1: b first; without w2: a first, c second
    assert profiles.leave_one_out_ranks(TIMES) == {"a": (1, 2), "b": (1, 3), "c": (2, 3)}


def test_algoperf_scores_of_its_own_table():
    """16 submissions, 9 workloads: the published seconds give the published scores."""
    published = json.loads(PARITY.read_text())
    times = {
        name: {w: MISSED if t is None else t for w, t in row.items()}
        for name, row in published["times"].items()
    }
    found = {
        name: profiles.profile_score(own, points=100)
        for name, own in profiles.ratios(times).items()
    }
    assert found == pytest.approx(published["scores"], abs=1e-12)
    assert profiles.rank(found)[:2] == ["schedule_free_adamw_v2", "ademamix"]
    exact = {name: profiles.profile_score(own) for name, own in profiles.ratios(times).items()}
    assert exact == pytest.approx(published["scores"], abs=2e-3)
