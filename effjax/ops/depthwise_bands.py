"""Depthwise convolution on a TPU: one banded matrix for each channel, on the matrix units.

XLA for TPUs convolves each channel with its own kernel as if all of 128 channels met all: of 128
products it keeps one. Here the rows of a map are cut into blocks of up to 128 cells. The cells of a
block meet those of the blocks around it in a matrix with the kernel's values on its diagonals, so
that one in five to fifteen products counts.

    y[c, b, h, n] = sum over d, k of x[c, b, h + d, k] bands[c, d, k, n]

Shapes: B batch, H W space, C channels, I J kernel rows and columns, Y blocks of R rows, K = R W
cells of a block, D blocks that the kernel reaches from one.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from effjax.ops.channels import LANES

# Measured by the compiler's estimate for 7x7 kernels on maps of 56x56, 28x28 and 14x14
# (benchmarks/RESULTS.md): the bands of smaller maps are larger than the maps.
_LEAST_KERNEL = 49
_LEAST_BLOCKS = 6


def pays(x: Array, w: Array, stride: int, dilation: int) -> bool:
    """Whether bands are faster on a TPU than XLA's own convolution."""
    height, width = x.shape[1:3]
    block = _rows_a_block(height, width)
    fills_lanes = LANES // 2 <= block * width <= LANES
    is_plain = stride == 1 and dilation == 1 and x.dtype == jnp.bfloat16
    is_large = math.prod(w.shape[:2]) >= _LEAST_KERNEL and height >= _LEAST_BLOCKS * block
    return fills_lanes and is_plain and is_large


@jax.custom_vjp
def convolve(x: Array, w: Array) -> Array:
    """[B, H, W, C] of ``x`` [B, H, W, C] and ``w`` [I, J, 1, C], padded by half the kernel."""
    return _whole(_blocks_by_bands(_blocks(x), _bands(w, x.shape)), x.shape)


def _forward_and_save(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return convolve(x, w), (x, w)


def _gradients(saved: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, w = saved
    bands = _bands(w, x.shape)  # as in the forward pass: XLA makes them once
    blocks = _blocks(g)
    dx = _whole(_blocks_by_transposed(blocks, bands), x.shape)
    products = _products_of_blocks(_blocks(x), blocks, reach=bands.shape[1] // 2)
    taps = _one_hot_taps(w.shape, x.shape, products.dtype)
    # Sums along diagonals. A mesh sums over its chips before: 16 MB for 128 channels on 56x56.
    dw = jnp.einsum("cdkn,tdkn->tc", products, taps)
    return dx, dw.reshape(w.shape).astype(w.dtype)


convolve.defvjp(_forward_and_save, _gradients)


# ------------------------------------------------------------------------ blocks of rows


def _rows_a_block(height: int, width: int) -> int:
    """The most rows that divide the map and have up to 128 cells, at least one."""
    most = max(LANES // width, 1)
    return max(rows for rows in range(1, most + 1) if height % rows == 0)


def _blocks(x: Array) -> Array:
    """[B, H, W, C] -> [C, B, Y, K]."""
    batch, height, width, channels = x.shape
    rows = _rows_a_block(height, width)
    blocks = x.reshape(batch, height // rows, rows * width, channels)
    return blocks.transpose(3, 0, 1, 2)


def _whole(blocks: Array, shape: tuple[int, ...]) -> Array:
    """[C, B, Y, K] -> [B, H, W, C]."""
    return blocks.transpose(1, 2, 3, 0).reshape(shape)


# ------------------------------------------------------------------------ bands


def _bands(w: Array, shape: tuple[int, ...]) -> Array:
    """[C, D, K, K] of ``w`` [I, J, 1, C] for a map of ``shape``."""
    taps = _one_hot_taps(w.shape, shape, w.dtype)
    return jnp.einsum("tc,tdkn->cdkn", w.reshape(-1, w.shape[-1]), taps)


def _one_hot_taps(sides: tuple[int, ...], shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """[I J, D, K, K]: one where a cell of the block at distance D meets a cell by that tap."""
    rows, columns = sides[:2]
    height, width = shape[1:3]
    block = _rows_a_block(height, width)
    reach = min(math.ceil(rows // 2 / block), height // block - 1)
    distance = np.arange(-reach, reach + 1)[:, None, None]
    row, column = np.divmod(np.arange(block * width), width)
    down = distance * block + row[:, None] - row + rows // 2  # [D, K, K]
    across = column[:, None] - column + columns // 2  # [K, K]
    meets = (down >= 0) & (down < rows) & (across >= 0) & (across < columns)
    tap = np.where(meets, down * columns + across, -1)
    # compared on the device: as a constant it would be rows x columns times as large
    return jax.nn.one_hot(tap, rows * columns, axis=0, dtype=dtype)


# ------------------------------------------------------------------------ products
#
# A convolution that moves over blocks sums over D in the matrix unit. Its channels are a second
# axis of space, of which each meets itself alone: spread to every C-th place, and seen through a
# window of C in steps of C - 1, channel c falls on place c of the window. XLA writes stacks of
# products this way.


def _blocks_by_bands(x: Array, bands: Array) -> Array:
    """y[c, b, h, n] = sum over d, k of x[c, b, h + d, k] bands[c, d, k, n], blocks beyond are 0."""
    axes = lax.ConvDimensionNumbers(
        lhs_spec=(1, 3, 0, 2),  # b k, c h
        rhs_spec=(3, 2, 0, 1),  # n k, c d
        out_spec=(1, 3, 0, 2),  # b n, c h
    )
    return _convolve_channelwise(x, bands, axes, bands.shape[1] // 2).astype(x.dtype)


def _blocks_by_transposed(g: Array, bands: Array) -> Array:
    """dx[c, b, h, k] = sum over d, n of g[c, b, h - d, n] bands[c, d, k, n], as above."""
    axes = lax.ConvDimensionNumbers(
        lhs_spec=(1, 3, 0, 2),  # b n, c h
        rhs_spec=(2, 3, 0, 1),  # k n, c d
        out_spec=(1, 3, 0, 2),  # b k, c h
    )
    backwards = lax.rev(bands, (1,))  # -d for d
    return _convolve_channelwise(g, backwards, axes, bands.shape[1] // 2).astype(g.dtype)


def _products_of_blocks(x: Array, g: Array, reach: int) -> Array:
    """p[c, d, k, n] = sum over b, h of x[c, b, h + d, k] g[c, b, h, n]."""
    axes = lax.ConvDimensionNumbers(
        lhs_spec=(3, 1, 0, 2),  # k b, c h
        rhs_spec=(3, 1, 0, 2),  # n b, c h
        out_spec=(2, 3, 0, 1),  # k n, c d
    )
    return _convolve_channelwise(x, g, axes, reach)


def _convolve_channelwise(
    x: Array,
    w: Array,
    axes: lax.ConvDimensionNumbers,
    reach: int,
) -> Array:
    """Over two axes of space, of which the first is that of channels; in float32 at least."""
    channels = x.shape[0]
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(max(channels - 1, 1), 1),
        padding=[(0, 0), (reach, reach)],
        lhs_dilation=(channels, 1),
        dimension_numbers=axes,
        preferred_element_type=jnp.promote_types(x.dtype, jnp.float32),
    )
