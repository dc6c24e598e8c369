"""SIGReg: how far features are from an isotropic Gaussian, seen along random directions.

LeJEPA, Balestriero and LeCun 2025, https://arxiv.org/abs/2511.08544. Along a direction the test is
that of Epps and Pulley: the squared distance of the empirical characteristic function to exp(-t^2 /
2), weighted by exp(-t^2 / 2), times the number of examples.

Shapes: V crops, B batch, D features, R directions, T points of the integral.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

FARTHEST = 5.0  # the weight is 4e-6 there
POINTS = 33  # from 0 to FARTHEST; both parts of the integrand are even


def directions(key: Array, features: int, count: int) -> Array:
    """[D, R], unit vectors in all directions alike."""
    drawn = jax.random.normal(key, (features, count))
    return drawn / jnp.linalg.norm(drawn, axis=0, keepdims=True)


def distance_to_gaussian(
    features: Array, valid: Array, along: Array, axis: str | None = None
) -> Array:
    """[V]: the statistic of each crop, its mean over the directions.

    Args:
      features: [V, B, D].
      valid: [B], 0 for padding.
      along: [D, R].
      axis: the pmap axis over which the batch is divided.
    """
    times, weights = _quadrature()
    seen = jnp.einsum("vbd,dr->vbr", features, along)
    count = _total(valid.sum(), axis)
    angles = seen[..., None] * times[None, None, None]  # [V, B, R, T]
    cosine = _total(jnp.einsum("vbrt,b->vrt", jnp.cos(angles), valid), axis)
    sine = _total(jnp.einsum("vbrt,b->vrt", jnp.sin(angles), valid), axis)
    some = jnp.maximum(count, 1.0)
    gaussian = jnp.exp(-0.5 * jnp.square(times))[None, None]
    gap = jnp.square(cosine / some - gaussian) + jnp.square(sine / some)
    return count * (gap * weights[None, None]).sum(-1).mean(-1)


def _quadrature() -> tuple[Array, Array]:
    """(times [T], weights [T]): the trapezoid rule on both sides of 0."""
    times = np.linspace(0, FARTHEST, POINTS)
    weights = np.full(POINTS, 2 * times[1])  # twice: the other side of 0 is the same
    weights[[0, -1]] /= 2
    weights *= np.exp(-0.5 * times**2)
    return jnp.asarray(times, float), jnp.asarray(weights, float)


def _total(x: Array, axis: str | None) -> Array:
    return x if axis is None else lax.psum(x, axis)
