"""Samplers of chains and flows: one compiled loop over a table of steps.

Shapes: B batch, ... the axes of an example, n steps.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax.diffusion.ddpm import Ddpm
from effjax.diffusion.flow import Flow
from effjax.diffusion.meanflow import MeanFlow
from effjax.diffusion.process import Network, NoiseAt
from effjax.diffusion.shapes import gather


def ancestral(
    process: Ddpm, network: Network, noise: Array, noise_at: NoiseAt, clip: bool = False
) -> Array:
    """Samples [B, ...] from `noise`, by every step of the process's chain.

    Args:
      network: see `process.Network`; guidance is part of it.
      noise_at: fresh noise of the i-th step; the last step adds none.
      clip: the clean example into [-1, 1]; for pixels, never for latents.
    """
    count = len(process.schedule)

    def step(x: Array, i: Array) -> tuple[Array, None]:
        t = jnp.full(len(x), count - 1) - i
        there = process.reverse(network(x, process.told(t)), x, t, clip)
        fresh = jnp.exp(0.5 * there.log_variance) * noise_at(i)
        return there.mean + jnp.where(i < count - 1, fresh, 0.0), None

    return lax.scan(step, noise, jnp.arange(count))[0]


def ddim(
    process: Ddpm,
    network: Network,
    noise: Array,
    noise_at: NoiseAt,
    eta: float = 0.0,
    clip: bool = False,
) -> Array:
    """As `ancestral`, by the steps of https://arxiv.org/abs/2010.02502.

    Args:
      eta: 0 is deterministic; 1 has the variance of the ancestral sampler.
    """
    count = len(process.schedule)

    def step(x: Array, i: Array) -> tuple[Array, None]:
        t = jnp.full(len(x), count - 1) - i
        clean = process.reverse(network(x, process.told(t)), x, t, clip).clean
        return ddim_step(process, clean, x, t, noise_at(i), eta), None

    return lax.scan(step, noise, jnp.arange(count))[0]


def ddim_step(
    process: Ddpm, clean: Array, x: Array, t: Array, fresh: Array, eta: float = 0.0
) -> Array:
    """x_{t-1} where x_t would be made of `clean`; the last step, t = 0, adds no noise."""
    schedule = process.schedule
    now = gather(schedule.alphas_cumprod, t, x)
    before = gather(schedule.alphas_cumprod_before, t, x)
    predicted = process.noise_from_clean(clean, x, t)
    sigma = eta * jnp.sqrt((1 - before) / (1 - now)) * jnp.sqrt(1 - now / before)
    mean = clean * jnp.sqrt(before) + jnp.sqrt(1 - before - sigma**2) * predicted
    # at t = 0 sigma is 0 by itself: there is no noise before the first step
    return mean + sigma * fresh


def ddim_reverse_step(process: Ddpm, clean: Array, x: Array, t: Array) -> Array:
    """x_{t+1} of the deterministic way to noise."""
    after = gather(process.schedule.alphas_cumprod_after, t, x)
    predicted = process.noise_from_clean(clean, x, t)
    return clean * jnp.sqrt(after) + jnp.sqrt(1 - after) * predicted


def flow_ode(
    process: Flow, network: Network, noise: Array, steps: int, solver: str = "euler"
) -> Array:
    """Samples along the velocity in equal steps from t = 0 to 1, by "euler" or "heun".

    Heun takes the velocity twice a step, but once in the last.
    """
    times = np.linspace(0, 1, steps + 1)

    def velocity(x: Array, t: Array) -> Array:
        t = jnp.broadcast_to(t, len(x)).astype(x.dtype)
        predicted = network(x, process.told(t))[..., : x.shape[-1]]
        return process.velocity_of(predicted, x, t)

    def step(x: Array, here_and_there: Array) -> tuple[Array, None]:
        here, there = here_and_there
        slope = velocity(x, here)
        if solver == "heun":
            slope = (slope + velocity(x + (there - here) * slope, there)) / 2
        return x + (there - here) * slope, None

    table = jnp.asarray(np.stack([times[:-1], times[1:]], -1), noise.dtype)
    if solver == "heun":
        x, _ = lax.scan(step, noise, table[:-1])
        here, there = table[-1]
        # at t = 1 itself a path may have no velocity
        return x + (there - here) * velocity(x, here)
    return lax.scan(step, noise, table)[0]


def mean_flow(process: MeanFlow, network: Network, noise: Array, steps: int = 1) -> Array:
    """Samples in equal steps from t = 1 to 0, each by the mean velocity over it."""
    times = np.linspace(1, 0, steps + 1)
    u = process.velocity_of(network)

    def step(z: Array, here_and_there: Array) -> tuple[Array, None]:
        t, r = jnp.broadcast_to(here_and_there[:, None], (2, len(z)))
        return z - (here_and_there[0] - here_and_there[1]) * u(z, r, t), None

    table = jnp.asarray(np.stack([times[:-1], times[1:]], -1), noise.dtype)
    return lax.scan(step, noise, table)[0]


def with_steps(process: Ddpm, how: str) -> Ddpm:
    """The process on the chain that keeps the steps that `how` names, see `kept_steps`."""
    return dataclasses.replace(process, schedule=process.schedule.respaced(how))
