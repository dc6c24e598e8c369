"""EDM's samplers: Euler and Heun on the probability-flow ODE, with churn; and its general one.

Algorithms 1 and 2 of https://arxiv.org/abs/2206.00364. Shapes: B batch, ... an example, n steps.
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax.diffusion.edm import iddpm_levels
from effjax.diffusion.process import NoiseAt
from effjax.errors import UserError

Denoise = Callable[[Array, Array], Array]  # (x [B, ...], sigma [B]) -> the clean example
MOST_CHURN = math.sqrt(2) - 1  # gamma's upper end: not more noise than doubles the variance


def levels(steps: int, low: float = 0.002, high: float = 80.0, rho: float = 7.0) -> np.ndarray:
    """[n + 1]: noise levels from `high` to `low`, denser where they are low, then 0."""
    share = _shares(steps)
    # equal steps of the rho-th root
    first = high ** (1 / rho)
    last = low ** (1 / rho)
    roots = first + share * (last - first)
    return np.append(roots**rho, 0.0)


def _shares(steps: int) -> np.ndarray:
    """[n]: how far on each step begins, from 0 to 1; of one step, 0."""
    return np.arange(steps) / max(steps - 1, 1)


@dataclasses.dataclass(frozen=True)
class Churn:
    """Fresh noise in each step, S_churn, S_min, S_max, S_noise of the paper."""

    amount: float = 0.0
    low: float = 0.0
    high: float = math.inf
    inflation: float = 1.0

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise UserError(f"churn from {self.low:g} to {self.high:g}: expected low <= high")

    def gammas(self, sigmas: np.ndarray) -> np.ndarray:
        """[n]: by which share each step raises its noise level first."""
        steps = len(sigmas) - 1
        gamma = min(self.amount / steps, MOST_CHURN)
        now = sigmas[:-1]
        inside = (now >= self.low) & (now <= self.high)
        return np.where(inside, gamma, 0.0)


def edm_sample(
    denoise: Denoise,
    noise: Array,
    sigmas: np.ndarray,
    noise_at: NoiseAt,
    solver: Literal["euler", "heun"] = "heun",
    churn: Churn | None = None,
) -> Array:
    """Samples [B, ...] from unit normal `noise`, down the noise levels `sigmas` [n + 1].

    Heun denoises twice a step, but once in the last: 2 n - 1 times in all.
    """
    churn = churn or Churn()
    # of each step: its level, the level raised by fresh noise, the next level
    raised = sigmas[:-1] * (1 + churn.gammas(sigmas))
    columns = [sigmas[:-1], raised, sigmas[1:]]
    table = jnp.asarray(np.stack(columns, axis=-1), noise.dtype)

    def slope(x: Array, sigma: Array) -> Array:
        """dx/dsigma, the paper's d_i."""
        sigmas = jnp.broadcast_to(sigma, len(x))
        return (x - denoise(x, sigmas)) / sigma

    def raise_noise(x: Array, i: Array, now: Array, higher: Array) -> Array:
        # no draw at all where nothing is added: the deterministic sampler costs nothing more
        if churn.amount == 0:
            return x
        # variances add up; factored, since a fused a * a - b * b of equal levels may be below zero
        added = jnp.sqrt((higher - now) * (higher + now))
        return x + added * churn.inflation * noise_at(i)

    def step(x: Array, row: tuple[Array, Array]) -> tuple[Array, None]:
        i, (now, higher, there) = row
        x = raise_noise(x, i, now, higher)
        move = there - higher
        first = slope(x, higher)
        moved = x + move * first
        if solver == "heun":
            second = slope(moved, there)
            moved = x + move * (first + second) / 2
        return moved, None

    last = len(table) - 1
    start = noise * table[0, 0]
    rows = (jnp.arange(last), table[:last])
    x, _ = lax.scan(step, start, rows)
    # to level 0, where there is no slope to take
    now, higher, there = table[last]
    x = raise_noise(x, jnp.asarray(last), now, higher)
    move = there - higher
    return x + move * slope(x, higher)


# ---------------------------------------------------------------- the general sampler, section 3

General = Literal["vp", "ve", "iddpm"]
VP_LEAST_TIME = 1e-3
IDDPM_RANGE = (0.002, 81.0)


@dataclasses.dataclass(frozen=True)
class Path:
    """How time runs through noise levels sigma(t) and scales s(t), with their slopes.

    x_t = s(t) (clean + sigma(t) noise).
    """

    sigma: Callable[[np.ndarray], np.ndarray]
    sigma_slope: Callable[[np.ndarray], np.ndarray]
    time: Callable[[np.ndarray], np.ndarray]
    scaled: bool = False

    def scale(self, t: np.ndarray) -> np.ndarray:
        if not self.scaled:
            return np.ones_like(t)
        sigma = self.sigma(t)
        return 1 / np.sqrt(1 + sigma**2)

    def scale_slope(self, t: np.ndarray) -> np.ndarray:
        if not self.scaled:
            return np.zeros_like(t)
        # s = (1 + sigma^2)^-1/2, so that s' = -sigma sigma' s^3
        sigma = self.sigma(t)
        return -sigma * self.sigma_slope(t) * self.scale(t) ** 3


def vp_path(low: float, high: float) -> Path:
    """VP's: its noise rate is such that sigma is `low` at time 1e-3 and `high` at 1."""
    # log(1 + sigma^2) = slope / 2 t^2 + start t, through both ends
    first = math.log1p(low**2)
    last = math.log1p(high**2)
    slope = 2 * (first / VP_LEAST_TIME - last) / (VP_LEAST_TIME - 1)
    start = last - slope / 2

    def sigma(t: np.ndarray) -> np.ndarray:
        log = slope / 2 * t**2 + start * t
        return np.sqrt(np.expm1(log))

    def sigma_slope(t: np.ndarray) -> np.ndarray:
        level = sigma(t)
        return 0.5 * (start + slope * t) * (level + 1 / level)

    def time(level: np.ndarray) -> np.ndarray:
        # the root of the quadratic in t that is not negative
        log = np.log1p(level**2)
        root = np.sqrt(start**2 + 2 * slope * log)
        return (root - start) / slope

    return Path(sigma, sigma_slope, time, scaled=True)


VE_PATH = Path(np.sqrt, lambda t: 0.5 / np.sqrt(t), np.square)
LINEAR_PATH = Path(lambda t: t, np.ones_like, lambda level: level)


def general_levels(kind: General, steps: int, low: float, high: float) -> tuple[Path, np.ndarray]:
    """A published sampler's path and its levels [n], inside of what the network can denoise."""
    share = _shares(steps)
    if kind == "vp":
        path = vp_path(low, high)
        times = 1 + share * (VP_LEAST_TIME - 1)
        return path, path.sigma(times)
    if kind == "ve":
        # the variance falls by equal factors
        variances = high**2 * (low**2 / high**2) ** share
        return VE_PATH, np.sqrt(variances)
    # iDDPM denoises the levels of its chain, no others
    chain = iddpm_levels()
    inside = chain[(chain >= low) & (chain <= high)]
    last = len(inside) - 1
    picked = np.round(share * last).astype(int)
    return LINEAR_PATH, inside[picked]


def general_sample(
    denoise: Denoise,
    noise: Array,
    path: Path,
    sigmas: np.ndarray,
    solver: Literal["euler", "heun"] = "heun",
) -> Array:
    """Samples along any path's ODE, x' = (sigma'/sigma + s'/s) x - s sigma'/sigma D(x / s).

    Args:
      noise: unit normal, [B, ...].
      path, sigmas: as `general_levels` gives them.
      solver: Heun denoises twice a step, but once in the last.
    """
    # in float64 on the host: at time 0 itself, the end, a path may have no slope
    starts = path.time(sigmas)
    rows = np.stack([_row(path, t) for t in starts])
    table = jnp.asarray(rows, noise.dtype)  # [n, 4]
    moves = np.diff(np.append(starts, 0.0))
    steps = jnp.asarray(moves, noise.dtype)  # [n]

    def slope(x: Array, row: Array) -> Array:
        sigma, rate, scale, pull = row
        sigmas = jnp.broadcast_to(sigma, len(x))
        denoised = denoise(x / scale, sigmas)
        return rate * x - pull * denoised

    def step(x: Array, rows: tuple[Array, Array, Array]) -> tuple[Array, None]:
        now, there, move = rows
        first = slope(x, now)
        moved = x + move * first
        if solver == "heun":
            second = slope(moved, there)
            moved = x + move * (first + second) / 2
        return moved, None

    sigma, _, scale, _ = table[0]
    start = noise * sigma * scale
    x, _ = lax.scan(step, start, (table[:-1], table[1:], steps[:-1]))
    # Euler to time 0, whose slope is not needed
    return x + steps[-1] * slope(x, table[-1])


def _row(path: Path, t: np.ndarray) -> np.ndarray:
    """(sigma, the factor of x, s, the factor of the denoised example) at t."""
    sigma = path.sigma(t)
    scale = path.scale(t)
    noise_rate = path.sigma_slope(t) / sigma
    scale_rate = path.scale_slope(t) / scale
    return np.stack([sigma, noise_rate + scale_rate, scale, noise_rate * scale])
