"""A mixture of normal distributions, whose denoiser, score and velocity are known.

Shapes: B batch, K components, D dimensions.
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
        """E[clean | x] for x [B, D] = alpha clean + sigma noise."""
        a, away, variance = self._parts(x, alpha, sigma)
        shares = jax.nn.softmax(self._log_parts(away, variance), -1)
        # each component shrinks what is away from its own mean
        each = self._means(x) + (a * self.width**2 / variance)[..., None] * away
        return (shares[..., None] * each).sum(1)

    def denoised(self, x: Array, sigma: Array) -> Array:
        """E[clean | clean + sigma noise]."""
        return self.clean(x, jnp.ones_like(sigma), sigma)

    def score(self, x: Array, sigma: Array) -> Array:
        """The slope of the log density of clean + sigma noise."""
        return (self.denoised(x, sigma) - x) / sigma[:, None] ** 2

    def log_density(self, x: Array, sigma: Array) -> Array:
        """[B]: of clean + sigma noise."""
        _, away, variance = self._parts(x, jnp.ones_like(sigma), sigma)
        dims = x.shape[-1]
        parts = self._log_parts(away, variance) - dims / 2 * jnp.log(2 * jnp.pi * variance)
        total = jax.nn.logsumexp(jnp.asarray(self.logits, x.dtype))
        return jax.nn.logsumexp(parts, -1) - total

    def velocity(self, x: Array, t: Array) -> Array:
        """The velocity of the straight path at t [B] < 1: E[clean - noise | x]."""
        clean = self.clean(x, t, 1 - t)
        rest = (1 - t)[:, None]
        noise = (x - t[:, None] * clean) / rest
        return clean - noise

    def draw(self, normal: Array, uniform: Array) -> Array:
        """Examples [B, D] out of normal draws [B, D] and uniform ones [B]."""
        edges = jnp.cumsum(jax.nn.softmax(jnp.asarray(self.logits, normal.dtype)))
        component = (uniform[:, None] > edges[None, :-1]).sum(-1)
        return self._means(normal)[0][component] + self.width * normal

    def _means(self, like: Array) -> Array:
        """[1, K, D]."""
        return jnp.asarray(self.means, like.dtype)[None]

    def _parts(self, x: Array, alpha: Array, sigma: Array) -> tuple[Array, Array, Array]:
        """(alpha [B, 1], x - alpha mean [B, K, D], the variance of x in a component [B, 1])."""
        a = alpha[:, None]
        away = x[:, None] - a[..., None] * self._means(x)
        return a, away, (a * self.width) ** 2 + sigma[:, None] ** 2

    def _log_parts(self, away: Array, variance: Array) -> Array:
        """[B, K]: log of share times density, but for what all components have."""
        distance = jnp.square(away).sum(-1)
        return jnp.asarray(self.logits, away.dtype)[None] - distance / (2 * variance)
