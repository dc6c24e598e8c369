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
    length = jnp.linalg.norm(drawn, axis=0, keepdims=True)
    return drawn / length


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
    count = _total(valid.sum(), axis)
    some = jnp.maximum(count, 1.0)

    def mean(values: Array) -> Array:
        """Over the examples of all devices: [V, B, R, T] -> [V, R, T]."""
        own = jnp.einsum("vbrt,b->vrt", values, valid)
        return _total(own, axis) / some

    seen = jnp.einsum("vbd,dr->vbr", features, along)
    angles = jnp.einsum("vbr,t->vbrt", seen, times)
    real = mean(jnp.cos(angles))
    imaginary = mean(jnp.sin(angles))
    gaussian = jnp.exp(-0.5 * jnp.square(times))  # which is real
    gap = jnp.square(real - gaussian[None, None])
    gap += jnp.square(imaginary)
    integral = jnp.einsum("vrt,t->vr", gap, weights)
    return count * integral.mean(-1)


def _quadrature() -> tuple[Array, Array]:
    """(times [T], weights [T]): the trapezoid rule on both sides of 0."""
    times = np.linspace(0, FARTHEST, POINTS)
    step = times[1]
    weights = np.full(POINTS, 2 * step)  # twice: the other side of 0 is the same
    weights[0] = step
    weights[-1] = step
    weights *= np.exp(-0.5 * times**2)
    return jnp.asarray(times, float), jnp.asarray(weights, float)


def _total(x: Array, axis: str | None) -> Array:
    return x if axis is None else lax.psum(x, axis)
