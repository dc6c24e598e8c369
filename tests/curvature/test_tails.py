"""The published index beside its control: Gaussian noise is found out."""

import numpy as np
import pytest

from effjax.curvature import tails

RNG = np.random.default_rng(0)


def test_block_size_as_published():
    assert [tails.block_size(n) for n in (10_000, 40, 7, 12)] == [100, 5, 1, 3]


def test_cauchy_has_index_one_and_gauss_two():
    assert tails.tail_index(RNG.standard_cauchy(40_000), 100) == pytest.approx(1.0, abs=0.06)
    assert tails.tail_index(RNG.standard_normal(40_000), 100) == pytest.approx(2.0, abs=0.2)


def test_gaussian_noise_of_unlike_scales_equals_its_control():
    scales = np.exp(RNG.standard_normal(2500))
    noise = RNG.standard_normal((40, 2500)) * scales
    noise -= noise.mean(0)
    pooled = tails.with_control(noise, "pooled", RNG)
    assert pooled.measured < 1.65  # and yet it is Gaussian
    assert pooled.measured == pytest.approx(pooled.control, abs=0.08)
    along = tails.with_control(noise, "along batches", RNG)
    assert along.measured > 1.9


def test_heavy_tails_differ_from_their_control():
    noise = RNG.standard_t(1.5, (100, 400))
    noise -= noise.mean(0)
    along = tails.with_control(noise, "along batches", RNG)
    assert along.measured < along.control - 0.2
    assert tails.kurtosis_along_batches(noise) > 6


def test_the_control_has_the_covariance():
    noise = RNG.standard_normal((400, 3)) @ np.array([[1, 0.8, 0], [0, 1, 0], [0, 0, 3.0]])
    control = tails.gaussian_control(noise - noise.mean(0), RNG)
    np.testing.assert_allclose(np.cov(control.T), np.cov(noise.T), atol=0.9)


def test_kurtosis_of_gauss_is_three():
    assert tails.kurtosis_along_batches(RNG.standard_normal((2000, 20))) == pytest.approx(3, 0.05)


def test_dead_coordinates_are_named():
    gradients = np.array([[0, 1.0, 0], [0, 2.0, 1.0], [0, 1.0, 2.0]])
    assert tails.alive_coordinates(gradients).tolist() == [False, True, True]


def test_a_prime_number_of_batches_is_refused():
    with pytest.raises(ValueError, match="take 100"):
        tails.index_along_batches(np.ones((7, 3)))
    with pytest.raises(ValueError, match="two values"):
        tails.tail_index(np.ones(7), 1)
