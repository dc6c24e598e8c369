"""PoolFormer's token mixer: the average of the neighbours minus the input.

Shapes: B batch, H W space, C channels.

On the CPU the sums are those of shifted copies, several times faster than XLA's windows. The sum
over windows is its own transpose, so the gradient is one such sum again.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

# Measured on two cores of a Zen 4 (benchmarks/ops.py --pooling).
_LARGEST_IN_ONE_LOOP = 3


def pool_minus_input(x: Array, size: int = 3) -> Array:
    """Average of the in-image cells of a ``size`` x ``size`` window, minus ``x`` [B, H, W, C].

    The mixer of PoolFormer (Yu et al., 2022, https://arxiv.org/abs/2111.11418). Cells outside of
    the image count neither in the sum nor in the divisor. Numbers of less than float32 are summed
    in float32. The gradient is custom; forward-mode differentiation works on top of it, not in
    place of it: ``jvp`` of ``grad``. Raises ValueError if ``size`` is even.
    """
    if size % 2 == 0:
        raise ValueError(f"pool_minus_input got size {size}: give an odd one")
    # the custom gradient takes the size as a constant
    return _mix(x, size)


def pool_minus_input_reference(x: Array, size: int = 3) -> Array:
    """The same by XLA's windows."""
    average = _sum_of_windows(x, size) / _neighbours(x, size)
    return (average - x).astype(x.dtype)


# ------------------------------------------------------------------------ the mixer


def _forward(x: Array, size: int) -> Array:
    # a product with the reciprocal, which is a constant: divisions are slow
    share = 1 / _neighbours(x, size)
    average = _sum(x, size) * share
    return (average - x).astype(x.dtype)


def _forward_and_save(x: Array, size: int) -> tuple[Array, None]:
    return _forward(x, size), None


def _gradient(size: int, saved: None, g: Array) -> tuple[Array]:
    del saved
    share = 1 / _neighbours(g, size)
    dx = _sum(g * share, size) - g
    return (dx.astype(g.dtype),)


_mix = jax.custom_vjp(_forward, nondiff_argnums=(1,))
_mix.defvjp(_forward_and_save, _gradient)


# ------------------------------------------------------------------------ sums


def _sum(x: Array, size: int) -> Array:
    """The sum over the window around each cell, with zeros outside of the image."""
    return lax.platform_dependent(
        x,
        cpu=partial(_sum_of_shifts, size=size),
        default=partial(_sum_of_windows, size=size),
    )


def _sum_of_shifts(x: Array, size: int) -> Array:
    half = size // 2
    x = _at_least_float32(x)
    if size <= _LARGEST_IN_ONE_LOOP:
        x = _padded(x, half, half)
        x = _sum_along(x, size, axis=1)
        return _sum_along(x, size, axis=2)
    # two loops over memory, the sums of rows between them
    x = _padded(x, half, 0)
    x = _sum_along(x, size, axis=1)
    x = _padded(x, 0, half)
    return _sum_along(x, size, axis=2)


def _padded(x: Array, rows: int, columns: int) -> Array:
    """Zeros around H and W, written to memory: the shifted copies are read from there."""
    around = ((0, 0), (rows, rows), (columns, columns), (0, 0))
    return lax.optimization_barrier(jnp.pad(x, around))


def _sum_along(x: Array, size: int, axis: int) -> Array:
    """The sum of ``size`` neighbours along one axis, which gets shorter by ``size`` - 1."""
    length = x.shape[axis] - size + 1
    shifted = [lax.slice_in_dim(x, i, i + length, axis=axis) for i in range(size)]
    return sum(shifted)


def _sum_of_windows(x: Array, size: int) -> Array:
    x = _at_least_float32(x)
    half = size // 2
    zero = np.zeros((), x.dtype)
    return lax.reduce_window(
        x,
        zero,
        lax.add,
        window_dimensions=(1, size, size, 1),
        window_strides=(1, 1, 1, 1),
        padding=((0, 0), (half, half), (half, half), (0, 0)),
    )


def _neighbours(x: Array, size: int) -> np.ndarray:
    """[1, H, W, 1]: how many cells of the window around each cell lie inside of the image."""
    rows = _neighbours_along(x.shape[1], size)
    columns = _neighbours_along(x.shape[2], size)
    counts = rows[:, None] * columns
    dtype = jnp.promote_types(x.dtype, np.float32)
    return counts[None, :, :, None].astype(dtype)


def _neighbours_along(length: int, size: int) -> np.ndarray:
    cell = np.arange(length)
    last = np.minimum(cell + size // 2, length - 1)
    first = np.maximum(cell - size // 2, 0)
    return last - first + 1


def _at_least_float32(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
