import numpy as np
import pytest

from effjax.sample import scores
from tests.parity.generative_check import check_recorded


def test_recorded_values():
    check_recorded("scores/")


def test_the_bias_of_two_samples_of_one_normal():
    """About (D^2 + 5 D) / 2n, which is why n and D have to be said."""
    rng = np.random.default_rng(0)
    one, other = rng.standard_normal((2, 1000, 32))
    found = scores.frechet(scores.moments(one), scores.moments(other))
    assert found == pytest.approx((32**2 + 5 * 32) / 2000, rel=0.2)
    assert abs(scores.kernel_distance(one, other)) < 0.05


def test_a_sample_is_no_distance_from_itself():
    x = np.random.default_rng(1).standard_normal((50, 4))
    own = scores.moments(x)
    assert scores.frechet(own, own) == pytest.approx(0, abs=1e-9)
    found = scores.manifold(x, x)
    assert found.precision == found.recall == found.coverage == 1


def test_copies_are_found():
    known = np.random.default_rng(2).standard_normal((20, 4))
    rows, distances = scores.nearest(known[[3, 7]], known)
    assert rows.tolist() == [3, 7]
    assert distances == pytest.approx(0, abs=1e-6)
