"""PoolFormer's token mixer: the average of the neighbours minus the input.

Shapes: B batch, H W space, C channels.
"""

import jax
import numpy as np
from jax import lax


def pool_minus_input(x: jax.Array, size: int = 3) -> jax.Array:
    """Average of the in-image cells of a ``size`` x ``size`` window, minus ``x`` [B, H, W, C].

    The mixer of PoolFormer (Yu et al., 2022, https://arxiv.org/abs/2111.11418). Cells outside of
    the image count neither in the sum nor in the divisor. Sums of low precision numbers are taken
    in float32. Raises ValueError if ``size`` is even.
    """
    if size % 2 == 0:
        raise ValueError(f"pool_minus_input needs an odd size, got {size}")
    total = x.astype(np.promote_types(x.dtype, np.float32))
    for axis in (1, 2):
        total = _window_sum(total, size, axis)
    rows, columns = (_neighbours(n, size) for n in x.shape[1:3])
    inverse = (1 / (rows[:, None] * columns)).astype(total.dtype)
    return (total * inverse[None, :, :, None]).astype(x.dtype) - x


def _window_sum(x: jax.Array, size: int, axis: int) -> jax.Array:
    pads = [(0, 0, 0)] * x.ndim
    pads[axis] = (size // 2, size // 2, 0)
    padded = lax.pad(x, np.zeros((), x.dtype), pads)
    return sum(lax.slice_in_dim(padded, i, i + x.shape[axis], axis=axis) for i in range(size))


def _neighbours(length: int, size: int) -> np.ndarray:
    """How many cells of a window centred at each position lie inside of [0, length)."""
    position = np.arange(length)
    first, last = np.maximum(position - size // 2, 0), np.minimum(position + size // 2, length - 1)
    return last - first + 1
