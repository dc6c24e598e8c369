import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion.flow import Flow
from tests.parity.generative_check import check_recorded

T = jnp.asarray([0.1, 0.5, 0.8])


def test_recorded_values():
    check_recorded("flow/linear", "flow/gvp", "flow/vp", "flow/mixture", "flow/euler")


@pytest.mark.parametrize("path", ["linear", "vp", "gvp"])
def test_the_velocity_is_the_slope_of_the_path(path):
    process = Flow(path)
    clean, noise = jax.random.normal(jax.random.key(0), (2, 3, 5))
    _, slope = jax.jvp(lambda t: process.noisy(clean, noise, t), (T,), (jnp.ones_like(T),))
    np.testing.assert_allclose(slope, process.velocity(clean, noise, T), rtol=1e-4, atol=1e-4)
    noisy = process.noisy(clean, noise, T)
    found = process.noise(process.velocity(clean, noise, T), noisy, T)
    np.testing.assert_allclose(found, noise, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("path", ["linear", "vp", "gvp"])
def test_a_clean_example_stands_for_its_velocity(path):
    process = Flow(path, "clean")
    clean, noise = jax.random.normal(jax.random.key(0), (2, 3, 5))
    noisy = process.noisy(clean, noise, T)
    found = process.velocity_of(clean, noisy, T)
    np.testing.assert_allclose(found, process.velocity(clean, noise, T), rtol=1e-3, atol=1e-3)
    # a wrong clean example has the error of the velocity that it stands for
    wrong = process.velocity_of(clean + 0.1, noisy, T) - found
    error = process.error(lambda x, told: clean + 0.1, clean, noise, T)
    np.testing.assert_allclose(error, jnp.square(wrong).mean(-1), rtol=1e-3)


def test_time_one_is_data():
    process = Flow()
    clean, noise = jnp.ones((1, 2)), jnp.zeros((1, 2))
    assert process.noisy(clean, noise, jnp.ones(1)).tolist() == clean.tolist()


def test_logit_normal_times_stay_inside():
    t = Flow(times="logit_normal").time(jnp.zeros(3), jnp.asarray([-3.0, 0.0, 3.0]))
    assert 0 < float(t.min()) < float(t.max()) < 1
    assert float(t[1]) == 0.5
