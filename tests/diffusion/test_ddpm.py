import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion.ddpm import Ddpm, normal_kl
from effjax.diffusion.noise_schedule import Schedule
from tests.parity.generative_check import check_recorded

PROCESS = Ddpm(Schedule.named("linear"))
T = jnp.asarray([3, 500, 999])


@pytest.fixture
def pair():
    keys = jax.random.split(jax.random.key(0))
    return [jax.random.normal(key, (3, 4, 4, 2)) for key in keys]


def test_recorded_values():
    check_recorded("ddpm/", "guidance/")


@pytest.mark.parametrize("target", ["noise", "clean", "velocity"])
def test_the_right_prediction_gives_back_the_clean_example(pair, target):
    clean, noise = pair
    process = dataclasses.replace(PROCESS, target=target)
    t = T[:2]
    clean, noise = clean[:2], noise[:2]
    noisy = process.noisy(clean, noise, t)
    wanted = process.wanted(clean, noise, t)
    np.testing.assert_allclose(process.clean(wanted, noisy, t), clean, atol=1e-4)
    losses = process.losses(wanted, clean, noise, noisy, t)
    assert float(losses["loss"].max()) == 0


def test_a_learned_variance_is_taught_by_the_bound_alone(pair):
    clean, noise = pair
    process = dataclasses.replace(PROCESS, variance="learned")
    noisy = process.noisy(clean, noise, T)

    def bound(output):
        return process.losses(output, clean, noise, noisy, T)["vb"].sum()

    slope = jax.grad(bound)(jnp.concatenate([noise, 0 * noise], -1))
    assert not slope[..., :2].any()
    assert slope[..., 2:].any()


def test_times_cover_the_chain():
    t = PROCESS.time(jnp.asarray([0.0, 0.5, 1.0]), jnp.zeros(3))
    assert t.tolist() == [0, 500, 999]


def test_a_distribution_is_no_distance_from_itself():
    assert float(normal_kl(0.3, -1.0, 0.3, -1.0)) == pytest.approx(0, abs=1e-6)
