"""Times to leave a basin: closed forms, and paths to hold against them.

Gaussian noise leaves a basin after a time that is exponential in the height of its barrier
(Kramers); stable noise leaves by one large jump, after a time that is a power of the noise and does
not depend on the height (Imkeller, Pavlyukevich 2006; Zhou et al. 2020, SGD against Adam).
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

NODES = 400  # of each integral of `mean_exit_time`


class Exits(NamedTuple):
    """How long paths stay: total time at risk over the number of exits, and its standard error."""

    mean: float
    error: float
    exits: int
    times: np.ndarray  # of the paths that left


def jump_constant(alpha: float) -> float:
    """c of a stable Levy measure c |y|^(-1 - alpha) dy, for exp(-|u|^alpha)."""
    angle = math.pi * alpha / 2
    return math.gamma(1 + alpha) * math.sin(angle) / math.pi


def stable_interval_time(alpha: float, x: float) -> float:
    """Mean time of symmetric stable motion from x out of (-1, 1), without drift (Getoor 1961)."""
    room = 1 - x * x
    return room ** (alpha / 2) / math.gamma(1 + alpha)


def stable_basin_time(alpha: float, scale: float, left: float, right: float) -> float:
    """Mean time to leave (-left, right) under a drift towards 0 and noise scale * dL, if small."""
    # how often a jump is long enough to leave at either end
    reach = left**-alpha + right**-alpha
    rate = jump_constant(alpha) * scale**alpha * reach
    return alpha / rate


def kramers_time(scale: float) -> float:
    """Kramers' time from -1 to 0 in the double well x^4/4 - x^2/2, noise sqrt(2 scale) dW."""
    height = 1 / 4  # of the barrier
    # 2 pi / root of the curvatures 2 and 1 at bottom and top, and half of it: the top is enough
    return math.pi / math.sqrt(2) * math.exp(height / scale)


def mean_exit_time(
    potential: Callable[[np.ndarray], np.ndarray],
    scale: float,
    start: float,
    exit_at: float,
    far: float,
) -> float:
    """The exact mean time from `start` to `exit_at` > `start` for dX = -U' dt + sqrt(2 scale) dW.

        1/scale * integral from start to exit of exp(U(y)/scale)
                * integral from far to y of exp(-U(z)/scale) dz dy

    Args:
      far: on the other side, where exp(-U/scale) is nothing.
    """
    nodes, weights = np.polynomial.legendre.leggauss(NODES)

    def between(low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
        half = (high - low) / 2
        return low + half * (nodes + 1), half * weights

    outer, outer_weights = between(start, exit_at)
    total = 0.0
    for y, weight in zip(outer, outer_weights):
        z, inner_weights = between(far, y)
        # one exponent for both: each alone overflows where the noise is small
        inner = inner_weights @ np.exp((potential(y) - potential(z)) / scale)
        total += weight * inner
    return total / scale


def stable_draws(key: jax.Array, alpha: float, shape: tuple[int, ...]) -> jax.Array:
    """Symmetric stable draws with characteristic function exp(-|u|^alpha) (Chambers et al. 1976).

    alpha = 2 has variance 2.
    """
    angle_key, wait_key = jax.random.split(key)
    # open at both ends: the tangent of a right angle is none
    u = jax.random.uniform(angle_key, shape, minval=1e-6 - 0.5, maxval=0.5) * math.pi
    if alpha == 1:
        return jnp.tan(u)
    w = jax.random.exponential(wait_key, shape)
    rest = 1 - alpha
    spread = jnp.sin(alpha * u) / jnp.cos(u) ** (1 / alpha)
    waited = jnp.cos(rest * u) / w
    return spread * waited ** (rest / alpha)


def simulate_exits(
    drift: Callable[[jax.Array], jax.Array],
    noise: Callable[[jax.Array, tuple[int, ...]], jax.Array],
    key: jax.Array,
    start: float,
    left: float,
    right: float,
    dt: float,
    most_steps: int,
    paths: int = 4000,
) -> Exits:
    """Euler paths from `start` until they leave (left, right), or for `most_steps`.

    SGD with learning rate eta whose gradients have noise s is dt = eta, noise eta * s a step.

    Args:
      noise: (key, shape) -> what is added in one step.
    """

    def alive(carry: tuple) -> jax.Array:
        _, inside, _, step = carry
        return inside.any() & (step < most_steps)

    def one_step(carry: tuple) -> tuple:
        x, inside, left_at, step = carry
        own_key = jax.random.fold_in(key, step)
        kick = noise(own_key, (paths,))
        moved = x + dt * drift(x) + kick
        still = inside & (moved > left) & (moved < right)
        left_at = jnp.where(inside & ~still, step + 1, left_at)
        # where a path has left nothing moves on: a drift far outside may overflow
        return jnp.where(still, moved, start), still, left_at, step + 1

    @jax.jit
    def run(x: jax.Array) -> tuple:
        inside = jnp.ones(paths, bool)
        left_at = jnp.zeros(paths, jnp.int32)
        return jax.lax.while_loop(alive, one_step, (x, inside, left_at, jnp.int32(0)))

    _, inside, left_at, steps = run(jnp.full(paths, start, jnp.float32))
    inside = np.asarray(inside)
    all_times = dt * np.asarray(left_at, np.float64)
    times = all_times[~inside]
    # paths that have not left count with the time for which they stayed
    stayed = inside.sum() * int(steps) * dt
    at_risk = times.sum() + stayed
    exits = len(times)
    mean = at_risk / exits if exits else math.inf
    return Exits(mean, mean / math.sqrt(max(exits, 1)), exits, times)


def exponential_distance(times: np.ndarray) -> float:
    """Kolmogorov and Smirnov's distance of exit times from the exponential law of their mean."""
    count = len(times)
    ordered = np.sort(times)
    expected = 1 - np.exp(-ordered / ordered.mean())
    # the share of times so far jumps at each of them: both sides of the jump count
    after = np.arange(1, count + 1) / count
    before = np.arange(count) / count
    above = (after - expected).max()
    below = (expected - before).max()
    return float(max(above, below))
