"""Depthwise convolution on a CPU in XLA's own terms: sums of shifted copies.

The forward pass and the gradient of the input are sums of shifted copies of the input, each times
one number for each channel: one loop over memory that the compiler vectorises along C and cuts over
the cores. The gradient of the kernel is such a loop too, see `_correlate`.

Shapes: B batch, H W input space, Y X output space, C channels, I J kernel rows and columns.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
from jax import Array, lax

# Measured on two cores of a Zen 4 (benchmarks/ops.py). Longer sums in one loop are not vectorised.
_TERMS_IN_ONE_LOOP = 121
_TERMS_IN_ONE_PASS = 30
_OFFSETS_IN_ONE_LOOP = 81
_ROW_BLOCKS = 4
_COLUMN_BLOCKS = 8
_CHAINS = 4


# ------------------------------------------------------------------------ forward


def convolve(
    x: Array,
    w: Array,
    stride: int,
    dilation: int,
) -> Array:
    """[B, Y, X, C] of ``x`` [B, H, W, C] and ``w`` [I, J, 1, C].

    out[y, x] = sum over i, j of padded[stride y + dilation i, stride x + dilation j] w[i, j].
    """
    rows, columns, _, channels = w.shape
    height = _span(x.shape[1], stride)
    width = _span(x.shape[2], stride)
    rows_a_pass = rows
    if rows * columns > _TERMS_IN_ONE_LOOP:
        rows_a_pass = max(1, _TERMS_IN_ONE_PASS // columns)
    passes = math.ceil(rows / rows_a_pass)
    # rows of zeros complete the last pass
    spare = passes * rows_a_pass - rows
    kernel = jnp.pad(w, ((0, spare), (0, 0), (0, 0), (0, 0)))
    kernel = _pad(kernel, (0, 0))
    kernel = kernel[:, :, None, None]  # [I, J, 1, 1, 1, C]
    sides = (dilation * (rows // 2), dilation * (columns // 2))
    padded = _pad(x, sides, (dilation * spare, 0))

    def add_rows(
        total: Array | int,
        part: Array,
        kernel: Array,
    ) -> Array:
        """Adds the terms of ``rows_a_pass`` rows of the kernel; ``part`` begins at the first."""
        for i in range(rows_a_pass):
            top = dilation * i
            of_rows = slice(top, top + height, stride)
            for j in range(columns):
                left = dilation * j
                of_columns = slice(left, left + width, stride)
                shifted = part[:, of_rows, of_columns, :channels]
                total += shifted * kernel[i, j, ..., :channels]
        return total

    if passes == 1:
        return add_rows(0, padded, kernel).astype(x.dtype)

    def one_pass(
        total: Array,
        step: tuple[Array, Array],
    ) -> tuple[Array, None]:
        first, kernel = step
        length = height + dilation * (rows_a_pass - 1)
        part = lax.dynamic_slice_in_dim(padded, first, length, axis=1)
        return total + add_rows(0, part, kernel), None

    start = jnp.zeros_like(padded[:, :height:stride, :width:stride, :channels])
    firsts = dilation * rows_a_pass * jnp.arange(passes)
    kernels = kernel.reshape(passes, rows_a_pass, *kernel.shape[1:])
    total, _ = lax.scan(one_pass, start, (firsts, kernels))
    return total.astype(x.dtype)


def _span(length: int, stride: int) -> int:
    """The cells of one axis from the first that counts to the last."""
    return (length - 1) // stride * stride + 1


# ------------------------------------------------------------------------ gradients


def input_gradient(
    g: Array,
    w: Array,
    space: tuple[int, int],
    stride: int,
    dilation: int,
) -> Array:
    """[B, H, W, C] of ``g`` [B, Y, X, C] and ``w`` [I, J, 1, C]; ``space`` is (H, W)."""
    spread = _spread(g, stride, space)
    flipped = jnp.flip(w, (0, 1))
    return convolve(spread, flipped, 1, dilation)


def kernel_gradient(
    x: Array,
    g: Array,
    sides: tuple[int, int],
    stride: int,
    dilation: int,
) -> Array:
    """[I, J, 1, C] of ``x`` [B, H, W, C] and ``g`` [B, Y, X, C]; ``sides`` is (I, J)."""
    spread = _spread(g, stride, x.shape[1:3])
    return _correlate(x, spread, sides, dilation)


class _Blocks(NamedTuple):
    """How a map is cut along one axis."""

    count: int
    length: int  # of one block
    spare: int  # cells of zeros that complete the last one


def _blocks(length: int, most: int) -> _Blocks:
    block = math.ceil(length / min(most, length))
    count = math.ceil(length / block)  # no block is all zeros
    return _Blocks(count, block, count * block - length)


def _correlate(
    x: Array,
    g: Array,
    sides: tuple[int, int],
    dilation: int,
) -> Array:
    """dw[i, j] = sum over the batch and y, x of padded[y + dilation i, x + dilation j] g[y, x].

    The map is cut into blocks. One loop multiplies, for every offset i, j and every place in a
    block, the numbers at this place of all blocks and adds them up in registers, vectorised along
    C; a product with zeros and ones adds what is left: places and batch. g is [B, H, W, C].
    """
    rows, columns = sides
    channels = x.shape[-1]
    if rows > 1 and rows * columns > _OFFSETS_IN_ONE_LOOP:
        return _correlate_by_rows(x, g, sides, dilation)
    down = _blocks(g.shape[1], _ROW_BLOCKS)
    across = _blocks(g.shape[2], _COLUMN_BLOCKS)
    spare = (down.spare, across.spare)
    padded = _pad(x, (dilation * (rows // 2), dilation * (columns // 2)), spare)
    g = _pad(g, (0, 0), spare)

    def products(row: int, column: int) -> Array:
        """[I, B, Y, J, X, C] of one block; Y X are the places in it."""
        top = row * down.length
        left = column * across.length
        # the block, and the cells beside it that the kernel reaches
        bottom = top + down.length + dilation * (rows - 1)
        right = left + across.length + dilation * (columns - 1)
        block = padded[:, top:bottom, left:right]
        block = _windows(block, columns, dilation, axis=2)
        block = _windows(block, rows, dilation, axis=1)
        block = jnp.moveaxis(block, 1, 0)[..., :channels]
        factor = g[:, top : top + down.length, left : left + across.length, :channels]
        return block * factor[None, :, :, None]

    blocks = []
    for row in range(down.count):
        for column in range(across.count):
            blocks.append(products(row, column))
    partial_sums = _sum_in_chains(blocks)  # [I, B, Y, J, X, C]
    places = math.prod(partial_sums.shape[1:3])
    # one where the second offset is the column offset j of the place
    choose = jnp.eye(columns, dtype=g.dtype)[None, None, :, None]
    choose = jnp.broadcast_to(choose, (rows, places, columns, across.length, columns))
    dw = lax.dot_general(
        choose.reshape(rows, -1, columns),
        partial_sums.reshape(rows, -1, channels),
        dimension_numbers=(((1,), (1,)), ((0,), (0,))),
    )
    return dw[:, :, None].astype(x.dtype)


def _sum_in_chains(terms: list[Array]) -> Array:
    """The sum of all, in several chains: in one, each sum waits for the one before it."""
    chains = []
    for first in range(min(_CHAINS, len(terms))):
        chains.append(sum(terms[first::_CHAINS]))
    return sum(chains)


def _correlate_by_rows(
    x: Array,
    g: Array,
    sides: tuple[int, int],
    dilation: int,
) -> Array:
    """`_correlate` of a large kernel, one row of it at a time."""
    rows, columns = sides
    channels = g.shape[-1]
    padded = _pad(x, (dilation * (rows // 2), 0))

    def one_row(i: Array) -> Array:
        part = lax.dynamic_slice_in_dim(padded, dilation * i, g.shape[1], axis=1)
        part = part[..., :channels]
        dw = _correlate(part, g.astype(part.dtype), (1, columns), dilation)
        return dw[0]

    dw = lax.map(one_row, jnp.arange(rows))
    return dw.astype(x.dtype)


# ------------------------------------------------------------------------ arrays


def _windows(
    x: Array,
    count: int,
    dilation: int,
    axis: int,
) -> Array:
    """[..., L, ...] -> [..., count, N, ...] with out[i, n] = x[n + dilation i], as an index only.

    Copies of x in a row, read with a pitch of L + dilation: the compiler reduces the index to
    n + dilation i and reads x itself.
    """
    before = x.shape[:axis]
    length = x.shape[axis]
    after = x.shape[axis + 1 :]
    pitch = length + dilation
    copies = math.ceil(count * pitch / length)
    x = jnp.expand_dims(x, axis)
    x = jnp.broadcast_to(x, (*before, copies, length, *after))
    x = x.reshape(*before, copies * length, *after)
    x = lax.slice_in_dim(x, 0, count * pitch, axis=axis)
    x = x.reshape(*before, count, pitch, *after)
    places = length - dilation * (count - 1)
    return lax.slice_in_dim(x, 0, places, axis=axis + 1)


def _spread(
    g: Array,
    stride: int,
    space: tuple[int, int],
) -> Array:
    """Put ``g`` [B, Y, X, C] back on the input's grid, H and W ``space``, zeros between."""
    pads = [(0, 0, 0)]
    for size in space:
        # (before, after, between)
        pads.append((0, size - _span(size, stride), stride - 1))
    pads.append((0, 0, 0))
    zero = jnp.zeros((), g.dtype)
    return lax.pad(g, zero, pads)


def _pad(
    x: Array,
    sides: tuple[int, int],
    spare: tuple[int, int] = (0, 0),
) -> Array:
    """Zeros around H and W and ``spare`` more at their ends, in float32 at least, in memory.

    Numbers whose distance is a multiple of 1 kB share few lines of the cache: where the channels
    take that much, some are added, which the caller leaves out.
    """
    lanes = 16 if x.shape[-1] % 256 == 0 else 0
    pads = [(0, 0)]
    for side, more in zip(sides, spare):
        pads.append((side, side + more))
    pads.append((0, lanes))
    padded = jnp.pad(_at_least_float32(x), pads)
    # else the compiler would pad again in every loop that reads it
    return lax.optimization_barrier(padded)


def _at_least_float32(x: Array) -> Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
