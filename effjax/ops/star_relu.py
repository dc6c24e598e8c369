"""StarReLU, with gradients that suit the backend.

Shapes: C channels, ... any leading axes.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.platform import on_tpu

_ROWS = 8  # of a TPU's tile: so many equal sums cost as much as one


def star_relu(x: Array, scale: Array, bias: Array) -> Array:
    """scale * relu(x)^2 + bias of ``x`` [..., C], with one number [1] each for all of it.

    On a TPU the gradient is custom: forward-mode differentiation works on top of it, not in place
    of it. Numbers of less than float32 are then summed in float32.
    """
    scale, bias = scale.astype(x.dtype), bias.astype(x.dtype)
    form = _from_x_alone if on_tpu() else star_relu_reference
    return form(x, scale, bias)


def star_relu_reference(x: Array, scale: Array, bias: Array) -> Array:
    """The same with the gradients that JAX derives."""
    y = _in_rank_of(x, scale) * jnp.square(jax.nn.relu(x))
    return y + _in_rank_of(x, bias)


def _in_rank_of(x: Array, number: Array) -> Array:
    return number.reshape((1,) * x.ndim)


# ------------------------------------------------------------------------ for TPUs


@jax.custom_vjp
def _from_x_alone(x: Array, scale: Array, bias: Array) -> Array:
    """The backward pass reads x itself: JAX would save where x > 0, packed into bits."""
    return star_relu_reference(x, scale, bias)


def _forward_and_save(x: Array, scale: Array, bias: Array) -> tuple[Array, tuple[Array, Array]]:
    return _from_x_alone(x, scale, bias), (x, scale)


def _gradients(saved: tuple[Array, Array], g: Array) -> tuple[Array, Array, Array]:
    x, scale = saved
    above = jnp.maximum(x, 0)
    dx = 2 * _in_rank_of(x, scale) * above * g
    dscale = _total(g * jnp.square(above)).astype(x.dtype)
    return dx, dscale, _total(g).astype(x.dtype)


_from_x_alone.defvjp(_forward_and_save, _gradients)


def _total(x: Array) -> Array:
    """The sum [1] of ``x`` [..., C], by the matrix unit over all axes but the last."""
    rows = x.reshape(-1, x.shape[-1]) if x.ndim < 3 else x
    axes = tuple(range(rows.ndim - 1))
    ones = jnp.ones((*rows.shape[:-1], _ROWS), x.dtype)
    wide = jnp.promote_types(x.dtype, jnp.float32)
    sums = lax.dot_general(ones, rows, ((axes, axes), ((), ())), preferred_element_type=wide)
    return sums[0].sum(keepdims=True)  # [_ROWS, C] -> [1]
