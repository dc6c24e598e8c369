"""PoolFormer's token mixer: the average of the neighbours minus the input.

Shapes: B batch, H W space, C channels.

On the CPU the sums are those of shifted copies, several times faster than XLA's windows. The sum
over windows is its own transpose, so the gradient is one such sum again.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

_LARGEST_IN_ONE_LOOP = 3  # measured on two cores of a Zen 4 (benchmarks/ops.py --pooling)


def pool_minus_input(x: jax.Array, size: int = 3) -> jax.Array:
    """Average of the in-image cells of a ``size`` x ``size`` window, minus ``x`` [B, H, W, C].

    The mixer of PoolFormer (Yu et al., 2022, https://arxiv.org/abs/2111.11418). Cells outside of
    the image count neither in the sum nor in the divisor. Numbers of less than float32 are summed
    in float32. The gradient is custom; forward-mode differentiation works on top of it, not in
    place of it: ``jvp`` of ``grad``. Raises ValueError if ``size`` is even.
    """
    if size % 2 == 0:
        raise ValueError(f"pool_minus_input got size {size}: give an odd one")
    return _mix(x, size)


def pool_minus_input_reference(x: jax.Array, size: int = 3) -> jax.Array:
    """The same by XLA's windows."""
    return (_sum_of_windows(x, size) / _neighbours(x, size) - x).astype(x.dtype)


def _forward(x: jax.Array, size: int) -> jax.Array:
    return (_sum(x, size) * (1 / _neighbours(x, size)) - x).astype(x.dtype)


def _forward_and_save(x: jax.Array, size: int) -> tuple[jax.Array, None]:
    return _forward(x, size), None


def _gradient(size: int, saved: None, g: jax.Array) -> tuple[jax.Array]:
    return ((_sum(g * (1 / _neighbours(g, size)), size) - g).astype(g.dtype),)


_mix = jax.custom_vjp(_forward, nondiff_argnums=(1,))
_mix.defvjp(_forward_and_save, _gradient)


def _sum(x: jax.Array, size: int) -> jax.Array:
    """The sum over the window around each cell, with zeros outside of the image."""
    return lax.platform_dependent(
        x, cpu=partial(_sum_of_shifts, size=size), default=partial(_sum_of_windows, size=size)
    )


def _sum_of_shifts(x: jax.Array, size: int) -> jax.Array:
    half = size // 2
    both = ((0, 0), (half, half), (half, half), (0, 0))
    rows, columns = ((0, 0), both[1], (0, 0), (0, 0)), ((0, 0), (0, 0), both[2], (0, 0))
    one_loop = size <= _LARGEST_IN_ONE_LOOP
    x = lax.optimization_barrier(jnp.pad(_at_least_float32(x), both if one_loop else rows))
    x = sum(lax.slice_in_dim(x, i, x.shape[1] - size + 1 + i, axis=1) for i in range(size))
    x = x if one_loop else lax.optimization_barrier(jnp.pad(x, columns))
    return sum(lax.slice_in_dim(x, j, x.shape[2] - size + 1 + j, axis=2) for j in range(size))


def _sum_of_windows(x: jax.Array, size: int) -> jax.Array:
    x = _at_least_float32(x)
    pads = ((0, 0), (size // 2,) * 2, (size // 2,) * 2, (0, 0))
    return lax.reduce_window(
        x, np.zeros((), x.dtype), lax.add, (1, size, size, 1), (1, 1, 1, 1), pads
    )


def _neighbours(x: jax.Array, size: int) -> np.ndarray:
    """[1, H, W, 1]: how many cells of the window around each cell lie inside of the image."""

    def along(length: int) -> np.ndarray:
        cell = np.arange(length)
        return np.minimum(cell + size // 2, length - 1) - np.maximum(cell - size // 2, 0) + 1

    counts = along(x.shape[1])[:, None] * along(x.shape[2])
    return counts[None, :, :, None].astype(jnp.promote_types(x.dtype, np.float32))


def _at_least_float32(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
