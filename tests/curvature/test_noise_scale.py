"""The noise scale of gradients whose covariance is known."""

import numpy as np
import pytest

from effjax.curvature.noise_scale import exact_noise_scale, noise_scale

GRADIENTS = 0.5 + np.random.default_rng(0).standard_normal((4096, 6)) * [1, 1, 1, 2, 2, 3]


def test_exactly():
    found = exact_noise_scale(GRADIENTS)
    assert found.noise == pytest.approx(20.0, rel=0.05)  # 1 + 1 + 1 + 4 + 4 + 9
    assert found.signal == pytest.approx(6 * 0.25, rel=0.1)


def test_two_sizes_agree_with_all_gradients():
    batches = GRADIENTS.reshape(64, 64, 6)
    small = (batches.reshape(64, 8, 8, 6).mean(2) ** 2).sum(-1)
    large = (batches.mean(1) ** 2).sum(-1)
    found = noise_scale(small, large, 8, 64)
    exact = exact_noise_scale(GRADIENTS)
    assert found.noise == pytest.approx(exact.noise, rel=0.1)
    assert found.scale == pytest.approx(exact.scale, rel=0.15)


def test_one_size_says_nothing():
    with pytest.raises(ValueError, match="fewer examples"):
        noise_scale(1.0, 1.0, 8, 8)
