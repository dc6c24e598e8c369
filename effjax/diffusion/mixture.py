"""A mixture of normal distributions, whose denoiser, score and velocity are known.

Shapes: B batch, K components, D dimensions; alpha, sigma, t [B].
"""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array


@dataclasses.dataclass(frozen=True, eq=False)
class Mixture:
    """K isotropic normals.

    Attributes:
      means: [K, D].
      logits: [K] of their shares.
      width: their standard deviation.
    """

    means: np.ndarray
    logits: np.ndarray
    width: float

    def clean(self, x: Array, alpha: Array, sigma: Array) -> Array:
        """E[clean | x], [B, D], for x [B, D] = alpha clean + sigma noise."""
        away = self._away(x, alpha)
        variance = self._variance(alpha, sigma)
        # how likely x comes from each component, by Bayes' rule
        log_shares = self._log_shares(away, variance)
        shares = jax.nn.softmax(log_shares, axis=-1)
        # each component shrinks what is away from its own mean
        gain = alpha[:, None] * self.width**2 / variance
        each = self._means(x) + gain[..., None] * away
        weighted = shares[..., None] * each
        return weighted.sum(axis=1)

    def denoised(self, x: Array, sigma: Array) -> Array:
        """E[clean | clean + sigma noise], [B, D]."""
        one = jnp.ones_like(sigma)
        return self.clean(x, one, sigma)

    def score(self, x: Array, sigma: Array) -> Array:
        """[B, D]: the slope of the log density of clean + sigma noise, by Tweedie's formula."""
        away = self.denoised(x, sigma) - x
        return away / sigma[:, None] ** 2

    def log_density(self, x: Array, sigma: Array) -> Array:
        """[B]: of clean + sigma noise."""
        one = jnp.ones_like(sigma)
        away = self._away(x, one)
        variance = self._variance(one, sigma)
        # what all components have: the constant of a normal in D dimensions
        dims = x.shape[-1]
        log_constant = dims / 2 * jnp.log(2 * jnp.pi * variance)
        each = self._log_shares(away, variance) - log_constant
        # the logits are not normalised
        logits = jnp.asarray(self.logits, x.dtype)
        total = jax.nn.logsumexp(logits)
        return jax.nn.logsumexp(each, axis=-1) - total

    def velocity(self, x: Array, t: Array) -> Array:
        """[B, D]: the velocity of the straight path at t < 1, E[clean - noise | x]."""
        clean = self.clean(x, t, 1 - t)
        # x = t clean + (1 - t) noise
        share = t[:, None]
        rest = (1 - t)[:, None]
        noise = (x - share * clean) / rest
        return clean - noise

    def draw(self, normal: Array, uniform: Array) -> Array:
        """Examples [B, D] out of normal draws [B, D] and uniform ones [B]."""
        logits = jnp.asarray(self.logits, normal.dtype)
        shares = jax.nn.softmax(logits)
        edges = jnp.cumsum(shares)
        # without the last edge: it may round below 1, and a draw above it would have no component
        passed = uniform[:, None] > edges[None, :-1]
        component = passed.sum(axis=-1)
        means = self._means(normal)[0]
        return means[component] + self.width * normal

    def _means(self, like: Array) -> Array:
        """[1, K, D], in the dtype of `like`."""
        means = jnp.asarray(self.means, like.dtype)
        return means[None]

    def _away(self, x: Array, alpha: Array) -> Array:
        """[B, K, D]: x - alpha mean."""
        scaled = alpha[:, None, None] * self._means(x)
        return x[:, None] - scaled

    def _variance(self, alpha: Array, sigma: Array) -> Array:
        """[B, 1]: of x in a component."""
        signal = (alpha[:, None] * self.width) ** 2
        noise = sigma[:, None] ** 2
        return signal + noise

    def _log_shares(self, away: Array, variance: Array) -> Array:
        """[B, K]: log of share times density, but for what all components have."""
        logits = jnp.asarray(self.logits, away.dtype)
        distance = jnp.square(away).sum(axis=-1)
        return logits[None] - distance / (2 * variance)
