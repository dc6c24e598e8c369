import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.diffusion import samplers
from effjax.diffusion.ddpm import Ddpm
from effjax.diffusion.flow import Flow
from effjax.diffusion.meanflow import MeanFlow
from effjax.diffusion.mixture import Mixture
from effjax.diffusion.noise_schedule import Schedule

MIXTURE = Mixture(np.asarray([[1.5, 0.5], [-1.5, -0.5]]), np.zeros(2), 0.3)
START = jnp.asarray([[0.3, -1.0], [1.2, 0.4], [-0.8, 0.1]])
PROCESS = Ddpm(Schedule.named("linear", 100))


def exact_noise(process):
    """The network that knows the mixture: told the step, it predicts the noise."""
    signal = jnp.asarray(process.schedule.alphas_cumprod, jnp.float32)

    def network(x, told):
        alpha, sigma = jnp.sqrt(signal[told]), jnp.sqrt(1 - signal[told])
        clean = MIXTURE.clean(x, alpha, sigma)
        return (x - alpha[:, None] * clean) / sigma[:, None]

    return network


def test_ddim_with_full_noise_is_the_ancestral_step():
    """Mean and variance agree at every step but the first, which adds none."""
    clean, x, fresh = jax.random.normal(jax.random.key(0), (3, 4, 2))
    t = jnp.asarray([1, 20, 50, 99])
    zero = jnp.zeros_like(fresh)
    mean = samplers.ddim_step(PROCESS, clean, x, t, zero, eta=1.0)
    np.testing.assert_allclose(mean, PROCESS.posterior_mean(clean, x, t), atol=1e-4)
    noisy = samplers.ddim_step(PROCESS, clean, x, t, fresh, eta=1.0)
    deviation = np.sqrt(PROCESS.schedule.posterior_variance[np.asarray(t)])[:, None]
    np.testing.assert_allclose(noisy - mean, deviation * fresh, atol=1e-4)


@pytest.mark.parametrize("steps", ["2", "3"])
def test_ddim_with_full_noise_and_few_steps_is_finite(steps):
    few = samplers.with_steps(Ddpm(Schedule.named("cosine")), steps)
    clean, x, fresh = jax.random.normal(jax.random.key(0), (3, int(steps), 2))
    t = jnp.arange(int(steps))
    assert jnp.isfinite(samplers.ddim_step(few, clean, x, t, fresh, eta=1.0)).all()


def test_ddim_there_and_back():
    """A step of the deterministic way to noise is undone by the way back with the same clean."""
    clean, x = jax.random.normal(jax.random.key(1), (2, 3, 2))
    t = jnp.asarray([5, 40, 80])
    there = samplers.ddim_reverse_step(PROCESS, clean, x, t)
    back = samplers.ddim_step(PROCESS, clean, there, t + 1, jnp.zeros_like(x))
    np.testing.assert_allclose(back, x, atol=1e-3)


def test_a_chain_with_the_exact_network_ends_on_the_mixture():
    noise = jax.random.normal(jax.random.key(2), (256, 2))
    ends = samplers.ddim(PROCESS, exact_noise(PROCESS), noise, jnp.zeros_like)
    away = jnp.linalg.norm(ends[:, None] - jnp.asarray(MIXTURE.means)[None], axis=-1).min(1)
    assert float(jnp.sqrt(jnp.square(away).mean() / 2)) == pytest.approx(0.3, rel=0.15)


def test_a_longer_stride_keeps_the_ends():
    short = samplers.with_steps(PROCESS, "10")
    assert len(short.schedule) == 10
    assert short.told(jnp.asarray([0, 9])).tolist() == [0, 99]


def test_slopes_of_the_flow():
    process = Flow(time_scale=1.0)

    def end(solver, steps):
        return samplers.flow_ode(process, MIXTURE.velocity, START, steps, solver)

    exact = end("heun", 400)
    euler = [float(jnp.abs(end("euler", n) - exact).max()) for n in (50, 100)]
    heun = [float(jnp.abs(end("heun", n) - exact).max()) for n in (10, 20)]
    assert 1.6 < euler[0] / euler[1] < 2.4
    assert heun[0] / heun[1] > 2.5


def test_one_step_of_a_mean_flow_of_constant_velocity_is_exact():
    speed = jnp.asarray([[2.0, -1.0]] * 3)
    ends = [samplers.mean_flow(MeanFlow(), lambda z, told: speed, START, steps) for steps in (1, 4)]
    np.testing.assert_allclose(ends[0], START - speed, atol=1e-6)
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-6)


def test_clipping_is_for_pixels():
    big = dataclasses.replace(PROCESS, target="clean")
    out = samplers.ddim(
        big, lambda x, told: jnp.full_like(x, 7.0), START, jnp.zeros_like, clip=True
    )
    np.testing.assert_allclose(out, 1, atol=1e-5)
