"""Flow matching on three paths, as in SiT: time 0 is noise, time 1 is data.

Lipman et al. 2023 (https://arxiv.org/abs/2210.02747), Ma et al. 2024
(https://arxiv.org/abs/2401.08740). On a path x_t = alpha clean + sigma noise. The network predicts
its velocity, or the clean example, from which the velocity follows: with large patches of pixels a
network is too narrow for noise, not for images (JiT, https://arxiv.org/abs/2511.13720).
Shapes: B batch, ... the axes of an example; t [B].
"""

import dataclasses
import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import jax.numpy as jnp
from jax import Array

from effjax.diffusion.process import Network
from effjax.diffusion.shapes import mean_of_example, per_example

VP_LEAST = 0.1  # the noise rate beta of the VP path, at its two ends
VP_MOST = 20.0
LEAST_NOISE = 0.05  # an error of the clean example counts as if there were this much noise at least


class Coefficients(NamedTuple):
    """Of a path at t: shares of the clean example and the noise, and their slopes."""

    alpha: Array
    alpha_slope: Array
    sigma: Array
    sigma_slope: Array


def linear(t: Array) -> Coefficients:
    """The straight path."""
    one = jnp.ones_like(t)
    return Coefficients(t, one, 1 - t, -one)


def variance_preserving(t: Array) -> Coefficients:
    """The path of VP diffusion."""
    rest = 1 - t
    log_alpha = -0.25 * rest**2 * (VP_MOST - VP_LEAST) - 0.5 * rest * VP_LEAST
    log_slope = 0.5 * rest * (VP_MOST - VP_LEAST) + 0.5 * VP_LEAST
    alpha = jnp.exp(log_alpha)
    alpha_slope = log_slope * alpha
    sigma = jnp.sqrt(1 - alpha**2)
    return Coefficients(alpha, alpha_slope, sigma, -alpha * alpha_slope / sigma)


def trigonometric(t: Array) -> Coefficients:
    """The path on the circle, GVP."""
    angle = math.pi / 2 * t
    alpha, sigma = jnp.sin(angle), jnp.cos(angle)
    return Coefficients(alpha, math.pi / 2 * sigma, sigma, -math.pi / 2 * alpha)


PATHS: dict[str, Callable[[Array], Coefficients]] = {
    "linear": linear,
    "vp": variance_preserving,
    "gvp": trigonometric,
}


@dataclasses.dataclass(frozen=True)
class Flow:
    """A path from noise to data, and the velocity that a network learns on it.

    Attributes:
      path: which one.
      target: what the network predicts.
      time_scale: the network is told t times this. SiT tells t itself, by which a sinusoid made
        for 0..999 hardly moves.
      times: of training. "uniform", or "logit_normal", the logistic of a normal draw
        (https://arxiv.org/abs/2403.03206).
      mean: of that draw. Below 0 there is more noise: what an image shows is decided early where
        neighbouring pixels say the same.
    """

    path: Literal["linear", "vp", "gvp"] = "linear"
    target: Literal["velocity", "clean"] = "velocity"
    time_scale: float = 1000.0
    times: Literal["uniform", "logit_normal"] = "uniform"
    mean: float = 0.0

    def coefficients(self, t: Array, like: Array) -> Coefficients:
        """Of the path, in the rank of `like`."""
        found = PATHS[self.path](t.astype(like.dtype))
        return Coefficients(*(per_example(value, like) for value in found))

    def time(self, uniform: Array, normal: Array) -> Array:
        if self.times == "logit_normal":
            return 1 / (1 + jnp.exp(-self.mean - normal))
        return uniform

    def noisy(self, clean: Array, noise: Array, time: Array) -> Array:
        c = self.coefficients(time, clean)
        return c.alpha * clean + c.sigma * noise

    def velocity(self, clean: Array, noise: Array, time: Array) -> Array:
        """dx/dt along the path from `noise` to `clean`."""
        c = self.coefficients(time, clean)
        return c.alpha_slope * clean + c.sigma_slope * noise

    def told(self, time: Array) -> Array:
        """What the network is told."""
        return time * self.time_scale

    def error(self, network: Network, clean: Array, noise: Array, time: Array) -> Array:
        noisy = self.noisy(clean, noise, time)
        predicted = network(noisy, self.told(time))[..., : clean.shape[-1]]
        if self.target == "velocity":
            return mean_of_example(jnp.square(predicted - self.velocity(clean, noise, time)))
        c = self.coefficients(time, clean)
        # by how much an error of the clean example moves the velocity
        slope = c.alpha_slope - c.sigma_slope * c.alpha / jnp.maximum(c.sigma, LEAST_NOISE)
        return mean_of_example(jnp.square(slope * (predicted - clean)))

    def velocity_of(self, predicted: Array, x: Array, t: Array) -> Array:
        """The velocity at `x` out of what the network predicts, for t < 1."""
        if self.target == "velocity":
            return predicted
        c = self.coefficients(t, x)
        noise = (x - c.alpha * predicted) / c.sigma
        return c.alpha_slope * predicted + c.sigma_slope * noise

    def loss(self, network: Network, clean: Array, noise: Array, time: Array, step: Array) -> Array:
        return self.error(network, clean, noise, time)

    # ------------------------------------------------------ one prediction as another, at x_t

    def score(self, velocity: Array, x: Array, t: Array) -> Array:
        """The slope of the log density."""
        c = self.coefficients(t, x)
        ratio = c.alpha / c.alpha_slope
        variance = c.sigma**2 - ratio * c.sigma_slope * c.sigma
        return (ratio * velocity - x) / variance

    def noise(self, velocity: Array, x: Array, t: Array) -> Array:
        """The noise in x."""
        c = self.coefficients(t, x)
        ratio = c.alpha / c.alpha_slope
        return (ratio * velocity - x) / (ratio * c.sigma_slope - c.sigma)

    def velocity_from_score(self, score: Array, x: Array, t: Array) -> Array:
        """The way back of `score`."""
        c = self.coefficients(t, x)
        drift = c.alpha_slope / c.alpha
        return self.diffusion("SBDM", t, x) * score + drift * x

    def diffusion(self, form: Literal["sigma", "linear", "SBDM"], t: Array, like: Array) -> Array:
        """How much noise a stochastic sampler adds at t; every form has the same marginals."""
        c = self.coefficients(t, like)
        if form == "sigma":
            return c.sigma
        if form == "linear":
            return per_example(1 - t.astype(like.dtype), like)
        return c.alpha_slope / c.alpha * c.sigma**2 - c.sigma * c.sigma_slope
