"""Regressions against recorded values and closed forms."""

import math

import numpy as np

from effjax.search.regression import (
    best_linear,
    best_process,
    expected_improvement,
    fit_process,
    normal_share,
)
from tests.parity.search_check import check_recorded


def test_recorded():
    check_recorded("blr/")


def test_a_process_passes_through_what_is_known():
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, 2))
    y = rng.standard_normal(6)
    mean, variance = fit_process(x, y, 1.0, 1e-10).predict(x)
    assert np.allclose(mean, y, atol=1e-6)
    assert np.all(variance < 1e-6)
    far, unsure = fit_process(x, y, 1.0, 1e-10).predict(x + 100)
    assert np.allclose(far, 0)
    assert np.allclose(unsure, 1)


def test_evidence_of_one_point():
    fitted = fit_process(np.zeros((1, 1)), np.asarray([0.5]), 1.0, 0.25)
    variance = 1.25
    assert math.isclose(
        fitted.evidence, -(0.5**2) / (2 * variance) - 0.5 * math.log(2 * math.pi * variance)
    )


def test_the_better_fit_is_taken():
    x = np.linspace(-1, 1, 20)[:, None]
    y = 3 * x[:, 0]
    assert best_linear(x, y).beta == 1000.0
    assert best_process(x, np.sin(8 * x[:, 0])).length < best_process(x, y).length


def test_expected_improvement_by_monte_carlo():
    rng = np.random.default_rng(0)
    draws = 0.3 + 0.5 * rng.standard_normal(400_000)
    by_hand = np.maximum(draws - 0.6, 0).mean()
    assert abs(expected_improvement(np.asarray([0.3]), np.asarray([0.5]), 0.6)[0] - by_hand) < 2e-3
    assert np.allclose(normal_share(np.asarray([0.0, 1.96])), [0.5, 0.9750021])
