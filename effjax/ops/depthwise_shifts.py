"""Depthwise convolution on a CPU in XLA's own terms: sums of shifted copies.

The forward pass and the gradient of the input are sums of shifted copies of the input, each times
one number for each channel: one loop over memory that the compiler vectorises along C and cuts over
the cores. The gradient of the kernel is such a loop too, see `_correlate`.

Shapes: B batch, H W input space, Y X output space, C channels, I J kernel rows and columns.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

# Measured on two cores of a Zen 4 (benchmarks/ops.py). Longer sums in one loop are not vectorised.
_TERMS_IN_ONE_LOOP = 121
_TERMS_IN_ONE_PASS = 30
_ROW_BLOCKS, _COLUMN_BLOCKS = 4, 8
_OFFSETS_IN_ONE_LOOP = 81


def convolve(x: jax.Array, w: jax.Array, stride: int, dilation: int) -> jax.Array:
    """[B, Y, X, C] of ``x`` [B, H, W, C] and ``w`` [I, J, 1, C].

    out[y, x] = sum over i, j of padded[stride y + dilation i, stride x + dilation j] w[i, j].
    """
    kh, kw, _, channels = w.shape
    spans = [(size - 1) // stride * stride + 1 for size in x.shape[1:3]]  # of one shifted copy
    rows_a_pass = kh if kh * kw <= _TERMS_IN_ONE_LOOP else max(1, _TERMS_IN_ONE_PASS // kw)
    passes = math.ceil(kh / rows_a_pass)
    spare = passes * rows_a_pass - kh
    kernel = jnp.pad(w, ((0, spare), (0, 0), (0, 0), (0, 0)))
    kernel = _pad(kernel, (0, 0))[:, :, None, None]  # [I, J, 1, 1, 1, C]
    padded = _pad(x, (dilation * (kh // 2), dilation * (kw // 2)), (dilation * spare, 0))

    def add_rows(out: jax.Array | int, rows: jax.Array, kernel: jax.Array) -> jax.Array:
        for i in range(rows_a_pass):
            for j in range(kw):
                top, left = dilation * i, dilation * j
                shifted = rows[:, top : top + spans[0] : stride, left : left + spans[1] : stride]
                out += shifted[..., :channels] * kernel[i, j, ..., :channels]
        return out

    if passes == 1:
        return add_rows(0, padded, kernel).astype(x.dtype)

    def one_pass(out: jax.Array, step: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        first, kernel = step
        height = spans[0] + dilation * (rows_a_pass - 1)
        rows = lax.dynamic_slice_in_dim(padded, first, height, axis=1)
        return out + add_rows(0, rows, kernel), None

    out = jnp.zeros_like(padded[:, : spans[0] : stride, : spans[1] : stride, :channels])
    firsts = dilation * rows_a_pass * jnp.arange(passes)
    kernels = kernel.reshape(passes, rows_a_pass, *kernel.shape[1:])
    return lax.scan(one_pass, out, (firsts, kernels))[0].astype(x.dtype)


def input_gradient(
    g: jax.Array, w: jax.Array, space: tuple[int, int], stride: int, dilation: int
) -> jax.Array:
    """[B, H, W, C] of ``g`` [B, Y, X, C] and ``w`` [I, J, 1, C]; ``space`` is (H, W)."""
    return convolve(_spread(g, stride, space), jnp.flip(w, (0, 1)), 1, dilation)


def kernel_gradient(
    x: jax.Array, g: jax.Array, sides: tuple[int, int], stride: int, dilation: int
) -> jax.Array:
    """[I, J, 1, C] of ``x`` [B, H, W, C] and ``g`` [B, Y, X, C]; ``sides`` is (I, J)."""
    return _correlate(x, _spread(g, stride, x.shape[1:3]), sides, dilation)


def _correlate(x: jax.Array, g: jax.Array, sides: tuple[int, int], dilation: int) -> jax.Array:
    """dw[i, j] = sum over the batch and y, x of padded[y + dilation i, x + dilation j] g[y, x].

    The map is cut into blocks. One loop multiplies, for every offset i, j and every place in a
    block, the numbers at this place of all blocks and adds them up in registers, vectorised along
    C; a product with zeros and ones adds what is left: places and batch. g is [B, H, W, C].
    """
    (kh, kw), channels = sides, x.shape[-1]
    if kh > 1 and kh * kw > _OFFSETS_IN_ONE_LOOP:
        return _correlate_by_rows(x, g, sides, dilation)
    counts = [min(most, size) for most, size in zip((_ROW_BLOCKS, _COLUMN_BLOCKS), g.shape[1:3])]
    height, width = (math.ceil(size / n) for size, n in zip(g.shape[1:3], counts))
    spare = (counts[0] * height - g.shape[1], counts[1] * width - g.shape[2])
    padded = _pad(x, (dilation * (kh // 2), dilation * (kw // 2)), spare)
    g = _pad(g, (0, 0), spare)

    def products(row: int, column: int) -> jax.Array:  # [I, B, Y, J, X, C]; Y X: places in a block
        top, left = row * height, column * width
        block = padded[:, top : top + height + dilation * (kh - 1)]
        block = block[:, :, left : left + width + dilation * (kw - 1)]
        block = _windows(_windows(block, kw, dilation, axis=2), kh, dilation, axis=1)
        factor = g[:, top : top + height, left : left + width]
        return jnp.moveaxis(block, 1, 0)[..., :channels] * factor[None, :, :, None, ..., :channels]

    blocks = [products(row, column) for row in range(counts[0]) for column in range(counts[1])]
    # [I, B, Y, J, X, C], added in four chains, as each sum waits for the one before it
    partial_sums = sum(sum(blocks[chain::4]) for chain in range(min(4, len(blocks))))
    places = math.prod(partial_sums.shape[1:3])
    choose = jnp.eye(kw, dtype=g.dtype)[None, None, :, None]  # column offset j of each place
    choose = jnp.broadcast_to(choose, (kh, places, kw, width, kw))
    dw = lax.dot_general(
        choose.reshape(kh, -1, kw),
        partial_sums.reshape(kh, -1, channels),
        (((1,), (1,)), ((0,), (0,))),
    )
    return dw[:, :, None].astype(x.dtype)


def _correlate_by_rows(
    x: jax.Array, g: jax.Array, sides: tuple[int, int], dilation: int
) -> jax.Array:
    """`_correlate` of a large kernel, one row of it at a time."""
    kh, kw = sides
    padded = _pad(x, (dilation * (kh // 2), 0))

    def one_row(i: jax.Array) -> jax.Array:
        rows = lax.dynamic_slice_in_dim(padded, dilation * i, g.shape[1], axis=1)
        rows = rows[..., : g.shape[-1]]
        return _correlate(rows, g.astype(rows.dtype), (1, kw), dilation)[0]

    return lax.map(one_row, jnp.arange(kh)).astype(x.dtype)


def _windows(x: jax.Array, count: int, dilation: int, axis: int) -> jax.Array:
    """[..., L, ...] -> [..., count, N, ...] with out[i, n] = x[n + dilation i], as an index only.

    Copies of x in a row, read with a pitch of L + dilation: the compiler reduces the index to
    n + dilation i and reads x itself.
    """
    before, length, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    pitch = length + dilation
    copies = math.ceil(count * pitch / length)
    x = jnp.broadcast_to(jnp.expand_dims(x, axis), (*before, copies, length, *after))
    x = x.reshape(*before, copies * length, *after)
    x = lax.slice_in_dim(x, 0, count * pitch, axis=axis).reshape(*before, count, pitch, *after)
    return lax.slice_in_dim(x, 0, length - dilation * (count - 1), axis=axis + 1)


def _spread(g: jax.Array, stride: int, space: tuple[int, int]) -> jax.Array:
    """Put ``g`` [B, Y, X, C] back on the input's grid, H and W ``space``, zeros between."""
    ends = [size - (size - 1) // stride * stride - 1 for size in space]
    pads = [(0, 0, 0), *((0, end, stride - 1) for end in ends), (0, 0, 0)]
    return lax.pad(g, jnp.zeros((), g.dtype), pads)


def _pad(x: jax.Array, sides: tuple[int, int], spare: tuple[int, int] = (0, 0)) -> jax.Array:
    """Zeros around H and W and ``spare`` more at their ends, in float32 at least, in memory.

    Numbers whose distance is a multiple of 1 kB share few lines of the cache: where the channels
    take that much, some are added, which the caller leaves out.
    """
    lanes = 16 if x.shape[-1] % 256 == 0 else 0
    pads = [(0, 0), *((side, side + more) for side, more in zip(sides, spare)), (0, lanes)]
    return lax.optimization_barrier(jnp.pad(_at_least_float32(x), pads))


def _at_least_float32(x: jax.Array) -> jax.Array:
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))
