"""The largest cell of each window, with a gradient that goes where that cell is.

For the gradient XLA on a CPU carries four indices through every window and scatters. Here the place
of the largest cell is found by comparison, and the gradient is added to it by shifted copies.

Shapes: B batch, H W space, Y X windows, C channels, K cells of a window.
"""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax.ops.platform import on_tpu


def max_pool(x: Array, size: int, stride: int = 1, pad: int = 0) -> Array:
    """[B, Y, X, C]: the largest cell of each ``size`` x ``size`` window of ``x`` [B, H, W, C].

    ``pad`` cells of minus infinity lie around the map. Of equal largest cells the first in reading
    order gets the gradient, as in PyTorch. Differentiable in every way.
    """
    if on_tpu():
        return max_pool_reference(x, size, stride, pad)  # a TPU has an instruction for its gradient
    return _largest(x, size, stride, pad)


def max_pool_reference(x: Array, size: int, stride: int = 1, pad: int = 0) -> Array:
    """The same by XLA's windows."""
    around = ((0, 0), (pad, pad), (pad, pad), (0, 0))
    steps = (1, stride, stride, 1)
    lowest = np.array(-np.inf, x.dtype)  # a constant, by which JAX knows a maximum
    return lax.reduce_window(x, lowest, lax.max, (1, size, size, 1), steps, around)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def _largest(x: Array, size: int, stride: int, pad: int) -> Array:
    return max_pool_reference(x, size, stride, pad)


@_largest.defjvp
def _derivative(
    size: int,
    stride: int,
    pad: int,
    at: tuple[Array],
    along: tuple[Array],
) -> tuple[Array, Array]:
    (x,), (x_dot,) = at, along
    y = _largest(x, size, stride, pad)
    place = _place_of_largest(y, _cells(x, size, stride, pad, fill=-jnp.inf))
    changes = _cells(x_dot, size, stride, pad, fill=0.0)
    y_dot = sum(jnp.where(place == k, change, 0) for k, change in enumerate(changes))
    return y, y_dot


def _place_of_largest(y: Array, cells: list[Array]) -> Array:
    """[B, Y, X, C]: the number of the first cell that is ``y``."""
    last = len(cells) - 1
    place = jnp.full(y.shape, last, np.min_scalar_type(last))
    for k in reversed(range(last)):
        place = jnp.where(cells[k] == y, jnp.array(k, place.dtype), place)
    # written to memory once: without the barrier each cell's gradient compares all over again
    return lax.optimization_barrier(place)


def _cells(x: Array, size: int, stride: int, pad: int, fill: float) -> list[Array]:
    """K maps [B, Y, X, C]: for each place of a window, in reading order, what lies there."""
    batch, height, width, channels = x.shape
    rows = (height + 2 * pad - size) // stride + 1
    columns = (width + 2 * pad - size) // stride + 1
    # In blocks of stride x stride, the cells at one place of all windows lie side by side: plain
    # slices, whose gradients are quicker than those of slices with steps.
    more = (size - 1) // stride
    blocks_down, blocks_across = rows + more, columns + more
    below = blocks_down * stride - pad - height  # less than 0: cells that are in no window
    right = blocks_across * stride - pad - width
    around = ((0, 0, 0), (pad, below, 0), (pad, right, 0), (0, 0, 0))
    padded = lax.pad(x, jnp.array(fill, x.dtype), around)
    blocks = padded.reshape(batch, blocks_down, stride, blocks_across, stride, channels)
    cells = []
    for i in range(size):
        for j in range(size):
            down, row = divmod(i, stride)
            across, column = divmod(j, stride)
            cells.append(blocks[:, down : down + rows, row, across : across + columns, column])
    return cells
