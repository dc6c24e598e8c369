"""Statistics against values worked out by hand."""

import math

import numpy as np
import pytest

from effjax.report import statistics
from effjax.report.profiles import MISSED


def test_expected_best_by_hand():
    # of {1, 2, 4}: one trial gives the mean; of two the best is 4 in 5/9, 2 in 3/9, 1 in 1/9
    assert statistics.expected_best([4, 1, 2], 1, False) == pytest.approx(7 / 3)
    assert statistics.expected_best([4, 1, 2], 2, False) == pytest.approx((20 + 6 + 1) / 9)
    assert statistics.expected_best([4, 1, 2], 2, True) == pytest.approx((5 + 6 + 4) / 9)
    assert statistics.expected_best([4, 1, 2], 1000, True) == pytest.approx(1.0)
    assert math.isnan(statistics.expected_best([], 3, True))


def test_expected_best_counts_a_failure_as_given():
    found = statistics.expected_best([0.1, math.inf], 2, True)
    assert found == math.inf  # with probability 1/4 both fail


def test_expected_best_agrees_with_drawing():
    values = np.random.default_rng(0).normal(size=9)
    drawn = np.random.default_rng(1).choice(values, (200_000, 4)).max(1).mean()
    assert statistics.expected_best(values, 4, False) == pytest.approx(drawn, abs=5e-3)
    interval = statistics.expected_best_interval(values, 4, False)
    assert interval.low < interval.estimate < interval.high


def test_sign_flip_test_by_hand():
    # all of one sign: only the two patterns of one sign are as extreme
    assert statistics.sign_flip_test([1, 2, 3]) == pytest.approx(2 / 8)
    assert statistics.sign_flip_test([0.1] * 6) == pytest.approx(2 / 64)
    # |sum| >= 2 of (+-1, +-3): all four patterns
    assert statistics.sign_flip_test([-1, 3]) == 1.0
    assert statistics.sign_flip_test([0, 0]) == 1.0


def test_sign_flip_test_with_many_pairs():
    rng = np.random.default_rng(0)
    assert statistics.sign_flip_test(rng.normal(0.0, 1.0, 60)) > 0.05
    assert statistics.sign_flip_test(rng.normal(1.0, 1.0, 60)) < 1e-3


def test_pooled_deviation_by_hand():
    # squares 0.5 with 1 and 2 with 2 degrees of freedom
    sigma, freedom = statistics.pooled_deviation([[1, 2], [0, 1, 2], [7]])
    assert (sigma, freedom) == (pytest.approx(math.sqrt(2.5 / 3)), 3)
    assert math.isnan(statistics.pooled_deviation([[1], [2]])[0])


def test_t_interval_by_hand():
    # mean 2, deviation 1, t(0.975, 2) = 4.302653
    found = statistics.t_interval([1, 2, 3])
    assert found.estimate == 2
    assert found.high - 2 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert statistics.t_interval([5.0]).high == math.inf


def test_bootstrap_covers_as_often_as_it_says():
    """Of 200 samples of 40 normal values, about 95 % of the intervals hold the true mean."""
    rng = np.random.default_rng(0)
    held = [
        statistics.bootstrap([rng.normal(3.0, 2.0, 40)], resamples=400).holds(3.0)
        for _ in range(200)
    ]
    assert 0.89 <= np.mean(held) <= 0.98


def test_bootstrap_draws_groups_of_one_value_together():
    """Alone they would always be drawn as themselves, and the interval would have no width."""
    values = [1.0, 2.0, 4.0, 5.0]
    apart = statistics.bootstrap([[value] for value in values])
    together = statistics.bootstrap([values])
    assert apart.estimate == together.estimate == 3.0
    assert (apart.low, apart.high) == pytest.approx((together.low, together.high), abs=0.05)
    alone = statistics.bootstrap([[2.0]])
    assert (alone.low, alone.estimate, alone.high) == (-math.inf, 2.0, math.inf)


def test_bootstrap_draws_inside_groups():
    """Groups that are constant leave nothing to chance, however far they lie apart."""
    found = statistics.bootstrap([[1.0, 1.0], [5.0, 5.0]])
    assert (found.low, found.estimate, found.high) == (3, 3, 3)
    spread = statistics.bootstrap([[0.0, 2.0]], statistic=lambda g: float(np.median(g[0])))
    assert (spread.low, spread.high) == (0, 2)
    assert math.isnan(statistics.bootstrap([[]]).estimate)


MISSES = {"w1": 100.0, "w2": 100.0, "w3": 100.0}


def test_a_clear_difference_is_told():
    fast = {w: [10.0, 11.0, 12.0] for w in MISSES}
    slow = {w: [20.0, 22.0, 24.0] for w in MISSES}
    found = statistics.compare_paired(fast, slow, missed=MISSES)
    assert found.ratio.estimate == pytest.approx(2.0)
    assert (found.verdict, found.pairs, found.p) == ("faster", 9, pytest.approx(2 / 512))
    assert statistics.compare_paired(slow, fast, missed=MISSES).verdict == "slower"


def test_what_cannot_be_told_is_said():
    a = {"w1": [10.0, 30.0, 20.0], "w2": [10.0, 10.0, 30.0]}
    b = {"w1": [20.0, 20.0, 20.0], "w2": [20.0, 10.0, 10.0]}
    assert statistics.compare_paired(a, b, missed=MISSES).verdict == "not distinguishable"
    # three pairs of one sign: p = 1/4
    few = statistics.compare_paired({"w1": [1, 1, 1]}, {"w1": [2, 2, 2]}, missed=MISSES)
    assert (few.ratio.low, few.p, few.verdict) == (2.0, 0.25, "not distinguishable")


def test_misses_count_as_the_bound_and_only_where_one_solver_arrived():
    own, base = {"w1": [MISSED, 50.0]}, {"w1": [MISSED, MISSED]}
    found = statistics.compare_paired(own, base, missed=MISSES)
    assert (found.pairs, found.ratio.estimate) == (1, pytest.approx(2.0))
    nothing = statistics.compare_paired(base, base, missed=MISSES)
    assert nothing.verdict == "no pairs"
