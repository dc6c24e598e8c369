"""Sizes with a gradient."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress.gates.soft_sizes import ramp_reach, soft_size


def test_without_a_ramp_the_first_channels_stay():
    np.testing.assert_array_equal(soft_size(0.5, 6, 0, 0.0), [1, 1, 1, 0, 0, 0])
    assert ramp_reach(19) == 0
    assert ramp_reach(40) == 2


@pytest.mark.parametrize("share", [0.249, 0.4, 0.501])
def test_the_ramp_holds_the_size(share):
    mask = soft_size(share, 64, 3, 0.0)
    assert (jnp.diff(mask) <= 0).all()
    np.testing.assert_allclose(mask.sum(), share * 64, atol=0.6)


def test_the_slope_is_a_mean_and_a_floor_lets_closed_channels_through():
    weights = jnp.arange(10.0)
    slope = jax.grad(lambda share: (soft_size(share, 10, 0) * weights).sum())(0.3)
    np.testing.assert_allclose(slope, weights.mean())
    np.testing.assert_allclose(soft_size(0.3, 10, 0)[-1], 0.025)
