"""Paths against closed forms: 4,000 of them."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.curvature import escape


def stable_noise(alpha, scale, dt, key, shape):
    return scale * dt ** (1 / alpha) * escape.stable_draws(key, alpha, shape)


def test_draws_have_their_characteristic_function():
    for alpha in (1.0, 1.5, 2.0):
        x = np.asarray(escape.stable_draws(jax.random.key(0), alpha, (40_000,)))
        assert np.cos(x).mean() == pytest.approx(np.exp(-1.0), abs=0.012), alpha


@pytest.mark.slow
def test_brownian_paths_leave_a_double_well_after_the_exact_time():
    """Not after Kramers' time, which is 14 % off at this noise."""
    scale, dt = 0.1, 0.005
    exact = escape.mean_exit_time(lambda x: x**4 / 4 - x**2 / 2, scale, -1.0, 0.0, -4.0)
    assert exact == pytest.approx(30.82, abs=0.01)

    def noise(key, shape):
        return (2 * scale * dt) ** 0.5 * jax.random.normal(key, shape)

    found = escape.simulate_exits(
        lambda x: x - x**3,
        noise,
        jax.random.key(1),
        start=-1.0,
        left=-100.0,
        # a path of steps crosses late: the exit moves in by 0.58 steps of noise
        right=0.0 - 0.5826 * (2 * scale * dt) ** 0.5,
        dt=dt,
        most_steps=20_000,
    )
    assert found.mean == pytest.approx(exact, rel=0.05)


@pytest.mark.slow
def test_stable_paths_leave_by_one_jump():
    """The time of small noise, and the exponential law."""
    alpha, scale, dt = 1.2, 0.05, 0.02
    expected = escape.stable_basin_time(alpha, scale, 1.0, 2.0)
    found = escape.simulate_exits(
        jnp.negative,
        functools.partial(stable_noise, alpha, scale, dt),
        jax.random.key(0),
        start=0.0,
        left=-1.0,
        right=2.0,
        dt=dt,
        most_steps=40_000,
    )
    assert found.mean == pytest.approx(expected, rel=0.05)
    assert escape.exponential_distance(found.times) < 1.63 / found.exits**0.5  # at 1 %


@pytest.mark.slow
def test_the_interval_of_getoor():
    alpha, dt = 1.5, 0.001
    found = escape.simulate_exits(
        jnp.zeros_like,
        functools.partial(stable_noise, alpha, 1.0, dt),
        jax.random.key(0),
        start=0.0,
        left=-1.0,
        right=1.0,
        dt=dt,
        most_steps=8000,
    )
    assert found.mean == pytest.approx(escape.stable_interval_time(alpha, 0.0), rel=0.05)


def test_the_height_of_the_barrier_does_not_matter_to_jumps():
    """Nor does anything of the basin but its ends: the closed form does not take it."""
    near, far = (escape.stable_basin_time(1.5, 0.05, 1.0, right) for right in (2.0, 20.0))
    assert near < far < escape.stable_basin_time(1.5, 0.05, 1.0, 1e9)
    # ten times less noise: 10^alpha times as long
    assert escape.stable_basin_time(1.5, 0.005, 1.0, 2.0) == pytest.approx(near * 10**1.5)


def test_paths_that_stay_count_as_time_at_risk():
    found = escape.simulate_exits(
        jnp.zeros_like,
        lambda key, shape: jnp.where(jnp.arange(shape[0]) == 0, 2.0, 0.0),
        jax.random.key(0),
        start=0.0,
        left=-1.0,
        right=1.0,
        dt=1.0,
        most_steps=10,
        paths=4,
    )
    assert found.exits == 1
    assert found.mean == 1 + 3 * 10
