"""Samplers of chains and flows: one compiled loop over a table of steps.

Shapes: B batch, ... the axes of an example, n steps.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.typing import DTypeLike

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
    last = count - 1

    def step(x: Array, i: Array) -> tuple[Array, None]:
        # the chain is walked from its end, where all is noise
        t = jnp.full(len(x), last) - i
        output = network(x, process.told(t))
        there = process.reverse(output, x, t, clip)
        deviation = jnp.exp(0.5 * there.log_variance)
        fresh = deviation * noise_at(i)
        x = there.mean + jnp.where(i < last, fresh, 0.0)
        return x, None

    x, _ = lax.scan(step, noise, jnp.arange(count))
    return x


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
    last = count - 1

    def step(x: Array, i: Array) -> tuple[Array, None]:
        # the chain is walked from its end, where all is noise
        t = jnp.full(len(x), last) - i
        output = network(x, process.told(t))
        clean = process.reverse(output, x, t, clip).clean
        x = ddim_step(process, clean, x, t, noise_at(i), eta)
        return x, None

    x, _ = lax.scan(step, noise, jnp.arange(count))
    return x


def ddim_step(
    process: Ddpm, clean: Array, x: Array, t: Array, fresh: Array, eta: float = 0.0
) -> Array:
    """x_{t-1} where x_t would be made of `clean`; the last step, t = 0, adds no noise.

    The paper's equations 12 and 16: of the noise in x_{t-1}, sigma is fresh and the rest is what
    x_t has.
    """
    schedule = process.schedule
    # abar at t and at t - 1
    now = gather(schedule.alphas_cumprod, t, x)
    before = gather(schedule.alphas_cumprod_before, t, x)
    predicted = process.noise_from_clean(clean, x, t)
    # at t = 0 sigma is 0 by itself: there is no noise before the first step
    ratio = jnp.sqrt((1 - before) / (1 - now))
    sigma = eta * ratio * jnp.sqrt(1 - now / before)
    # with few steps next to nothing is kept, which rounding may take below zero
    kept = jnp.sqrt(jnp.maximum(1 - before - sigma**2, 0))
    mean = clean * jnp.sqrt(before) + kept * predicted
    return mean + sigma * fresh


def ddim_reverse_step(process: Ddpm, clean: Array, x: Array, t: Array) -> Array:
    """x_{t+1} of the deterministic way to noise: equation 14 of the DDIM paper, by one step."""
    after = gather(process.schedule.alphas_cumprod_after, t, x)
    predicted = process.noise_from_clean(clean, x, t)
    spread = jnp.sqrt(1 - after)
    return clean * jnp.sqrt(after) + spread * predicted


def flow_ode(
    process: Flow, network: Network, noise: Array, steps: int, solver: str = "euler"
) -> Array:
    """Samples [B, ...] along the velocity in equal steps from t = 0 to 1, by "euler" or "heun".

    Heun takes the velocity twice a step, but once in the last.
    """

    def velocity(x: Array, t: Array) -> Array:
        t = jnp.broadcast_to(t, len(x)).astype(x.dtype)
        output = network(x, process.told(t))
        # a network may have further channels, for a variance
        channels = x.shape[-1]
        predicted = output[..., :channels]
        return process.velocity_of(predicted, x, t)

    def euler(x: Array, ends: Array) -> tuple[Array, None]:
        here, there = ends
        move = there - here
        x = x + move * velocity(x, here)
        return x, None

    def heun(x: Array, ends: Array) -> tuple[Array, None]:
        here, there = ends
        move = there - here
        first = velocity(x, here)
        second = velocity(x + move * first, there)
        # the trapezoidal rule, with Euler's guess of the far end
        slope = (first + second) / 2
        return x + move * slope, None

    table = _intervals(0, 1, steps, noise.dtype)
    if solver == "heun":
        x, _ = lax.scan(heun, noise, table[:-1])
        # at t = 1 itself a path may have no velocity
        x, _ = euler(x, table[-1])
        return x
    x, _ = lax.scan(euler, noise, table)
    return x


def mean_flow(process: MeanFlow, network: Network, noise: Array, steps: int = 1) -> Array:
    """Samples [B, ...] in equal steps from t = 1 to 0, each by the mean velocity over it."""
    u = process.velocity_of(network)

    def step(z: Array, ends: Array) -> tuple[Array, None]:
        here, there = ends
        t = jnp.broadcast_to(here, len(z))
        r = jnp.broadcast_to(there, len(z))
        distance = here - there
        z = z - distance * u(z, r, t)
        return z, None

    table = _intervals(1, 0, steps, noise.dtype)
    z, _ = lax.scan(step, noise, table)
    return z


def _intervals(start: float, end: float, steps: int, dtype: DTypeLike) -> Array:
    """[n, 2]: where each of n equal steps begins and ends."""
    times = np.linspace(start, end, steps + 1)
    pairs = np.stack([times[:-1], times[1:]], axis=-1)
    return jnp.asarray(pairs, dtype)


def with_steps(process: Ddpm, how: str) -> Ddpm:
    """The process on the chain that keeps the steps that `how` names, see `kept_steps`."""
    schedule = process.schedule.respaced(how)
    return dataclasses.replace(process, schedule=schedule)
