import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion import edm_samplers
from effjax.diffusion.mixture import Mixture
from tests.parity.generative_check import check_recorded

MIXTURE = Mixture(np.asarray([[1.5, 0.5], [-1.5, -0.5]]), np.zeros(2), 0.3)
START = jnp.asarray([[0.3, -1.0], [1.2, 0.4], [-0.8, 0.1]])


def test_recorded_values():
    check_recorded("sampler/heun", "sampler/euler", "sampler/churned", "sampler/ablation_vp")


@pytest.mark.slow
def test_recorded_ends_of_the_ode_and_general_samplers():
    check_recorded("sampler/", "flow/exact")


def end(solver, steps):
    sigmas = edm_samplers.levels(steps, 0.05, 10.0)
    return edm_samplers.edm_sample(MIXTURE.denoised, START, sigmas, None, solver)


def test_halving_the_steps_shows_the_order():
    """Against many Heun steps on the same levels: first order for Euler, more for Heun."""
    exact = end("heun", 640)
    euler = [float(jnp.abs(end("euler", n) - exact).max()) for n in (80, 160)]
    heun = [float(jnp.abs(end("heun", n) - exact).max()) for n in (20, 40)]
    assert 1.7 < euler[0] / euler[1] < 2.5
    assert heun[0] / heun[1] > 2.8


def test_churn_acts_between_its_ends_alone():
    sigmas = edm_samplers.levels(10)
    churn = edm_samplers.Churn(20, low=1.0, high=50.0)
    inside = (sigmas[:-1] >= 1) & (sigmas[:-1] <= 50)
    assert ((churn.gammas(sigmas) > 0) == inside).all()
    assert churn.gammas(sigmas).max() == pytest.approx(np.sqrt(2) - 1)
