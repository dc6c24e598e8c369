"""Soft windows: which taps of a kernel count, as a function of a real-valued size.

A tap's ring rho is its distance from the middle of the kernel in taps, 0 in the middle; the k x k
window holds the rings up to (k - 1) / 2. A mask m(rho; v) is 1 well inside of size v and 0 well
outside of it, and its slope in v is what carries the gradient of the loss to the size.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp

SIGMOID_WIDTH = 0.5  # tau of the sigmoid, in rings


def ramp(
    rho: jax.Array,
    size: jax.Array,
) -> jax.Array:
    """clip((v - 1) / 2 - rho + 1, 0, 1): the outermost ring counts in part; a box at odd v."""
    outermost = (size - 1) / 2
    return jnp.clip(outermost - rho + 1, 0.0, 1.0)


def smoothstep(
    rho: jax.Array,
    size: jax.Array,
) -> jax.Array:
    """The ramp t bent to 3 t^2 - 2 t^3: the same box at odd v, without a kink."""
    t = ramp(rho, size)
    return t * t * (3 - 2 * t)


def sigmoid(
    rho: jax.Array,
    size: jax.Array,
) -> jax.Array:
    """sigmoid(((v - 1) / 2 - rho + 1/2) / tau): every ring has a weight above 0 and a gradient."""
    outermost = (size - 1) / 2
    return jax.nn.sigmoid((outermost - rho + 0.5) / SIGMOID_WIDTH)


def straight_through(
    rho: jax.Array,
    size: jax.Array,
) -> jax.Array:
    """The box of the nearest odd size, with the gradient of the ramp."""
    soft = ramp(rho, size)
    hard = ramp(rho, nearest_odd(size))
    # the value is hard, up to rounding; the derivative is that of soft
    return jax.lax.stop_gradient(hard - soft) + soft


MASKS: dict[str, Callable[[jax.Array, jax.Array], jax.Array]] = {
    "ramp": ramp,
    "smoothstep": smoothstep,
    "sigmoid": sigmoid,
    "straight_through": straight_through,
}


def nearest_odd(size: jax.Array) -> jax.Array:
    """The odd number next to each size; no gradient."""
    rings = jnp.floor((size - 1) / 2 + 0.5)
    return jax.lax.stop_gradient(2 * rings + 1)


def outer_odd(size: jax.Array) -> jax.Array:
    """The smallest odd number that is no smaller: a ramp has no tap outside of it; no gradient."""
    rings = jnp.ceil((size - 1) / 2)
    return jax.lax.stop_gradient(2 * rings + 1)
