"""Convolution over two axes of space, of all channels with all.

Shapes: B batch, H W input space, Y X output space, C and O channels, I J kernel rows and columns.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.matrix_product import matrix_product
from effjax.ops.onednn import (
    convolution,
    large_enough,
    matmul,
    with_gradients,
    xla_or_onednn,
)

Pair = tuple[int, int]

# positions that a product sums over (batch 8, two cores of a Zen 3)
_FAST_SUMS = 384


def conv(
    x: Array,
    w: Array,
    stride: Pair,
    pad: Pair,
) -> Array:
    """[B, Y, X, O] of ``x`` [B, H, W, C] and ``w`` [I, J, C, O], ``pad`` zeros on both sides.

    XLA's convolution, or, inside `onednn_calls` on one CPU device, calls where it is large. Then
    the gradient is custom: forward-mode differentiation works on top of it, not in place of it.
    """
    # shapes alone say whether a call pays, so that the choice costs nothing at run time
    plain = partial(conv_reference, stride=stride, pad=pad)
    if not _pays(x, w, stride, pad):
        return plain(x, w)
    if _cuts_into_patches(x, w, stride, pad):
        return _product_of_patches(x, w)

    output = partial(convolution, stride=stride, pad=pad)
    input_gradient = partial(_input_gradient, space=x.shape[1:3], stride=stride, pad=pad)
    if stride == (1, 1):
        call = partial(_input_gradient_call, pad=pad)
        input_gradient = xla_or_onednn(input_gradient, call)
    sides = w.shape[:2]
    kernel_gradient = partial(_kernel_gradient, sides=sides, stride=stride, pad=pad)
    kernel_gradient_call = partial(_kernel_gradient_call, sides=sides, stride=stride, pad=pad)
    convolve = with_gradients(
        xla_or_onednn(plain, output),
        input_gradient,
        xla_or_onednn(kernel_gradient, kernel_gradient_call),
    )
    return convolve(x, w)


def conv_reference(
    x: Array,
    w: Array,
    stride: Pair,
    pad: Pair,
) -> Array:
    """The same by XLA's convolution."""
    rows, columns = pad
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=stride,
        padding=[(rows, rows), (columns, columns)],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _pays(
    x: Array,
    w: Array,
    stride: Pair,
    pad: Pair,
) -> bool:
    """Whether calls are faster: measured in float32, with less padding than the kernel has rows."""
    overhangs = pad[0] >= w.shape[0] or pad[1] >= w.shape[1]
    if overhangs or x.dtype != jnp.float32:
        return False
    y = jax.eval_shape(partial(conv_reference, stride=stride, pad=pad), x, w)
    products = y.size * math.prod(w.shape[:3])
    return large_enough(products, x.dtype)


def _cuts_into_patches(x: Array, w: Array, stride: Pair, pad: Pair) -> bool:
    """Whether each cell of the input meets the kernel once."""
    rows, columns = w.shape[:2]
    fits = x.shape[1] % rows == 0 and x.shape[2] % columns == 0
    return stride == (rows, columns) and pad == (0, 0) and fits


def _product_of_patches(x: Array, w: Array) -> Array:
    """The same where patches do not overlap: one product, and so is each gradient."""
    rows, columns, channels, outputs = w.shape
    batch, height, width, _ = x.shape
    grid = (batch, height // rows, width // columns)
    cells = x.reshape(batch, grid[1], rows, grid[2], columns, channels).swapaxes(2, 3)
    # in memory, as the product and the kernel's gradient both read it
    patches = lax.optimization_barrier(cells.reshape(-1, rows * columns * channels))
    y = matrix_product(patches, w.reshape(-1, outputs))
    return y.reshape(*grid, outputs)


# Both gradients in XLA's terms. The transpose of a linear map needs the shape of its argument, not
# its value.


def _input_gradient(
    g: Array,
    w: Array,
    space: Pair,
    stride: Pair,
    pad: Pair,
) -> Array:
    shape = (g.shape[0], *space, w.shape[2])
    x = jax.ShapeDtypeStruct(shape, g.dtype)
    transpose = jax.linear_transpose(lambda x: conv_reference(x, w, stride, pad), x)
    (dx,) = transpose(g)
    return dx


def _kernel_gradient(
    x: Array,
    g: Array,
    sides: Pair,
    stride: Pair,
    pad: Pair,
) -> Array:
    w = jax.ShapeDtypeStruct((*sides, x.shape[-1], g.shape[-1]), g.dtype)
    transpose = jax.linear_transpose(lambda w: conv_reference(x, w, stride, pad), w)
    (dw,) = transpose(g)
    return dw


# And as calls.


def _input_gradient_call(
    g: Array,
    w: Array,
    pad: Pair,
) -> Array:
    """Without a stride: the convolution of ``g`` with the kernel turned around."""
    turned = jnp.flip(w, (0, 1)).swapaxes(2, 3)  # [I, J, O, C]
    rows, columns = w.shape[:2]
    around = (rows - 1 - pad[0], columns - 1 - pad[1])
    return convolution(g, turned, (1, 1), around)


def _kernel_gradient_call(
    x: Array,
    g: Array,
    sides: Pair,
    stride: Pair,
    pad: Pair,
) -> Array:
    """Few images at once, so that what a kernel meets stays in the cache; a product for each row.

    N: images at once.
    """
    rows, columns = sides
    channels = x.shape[-1]
    batch, height, width, outputs = g.shape
    images = _images_at_once(batch, height * width)
    # how far the first cell of the kernel moves, plus one
    height = (height - 1) * stride[0] + 1
    width = (width - 1) * stride[1] + 1

    def add_images(
        dw: Array,
        part: tuple[Array, Array],
    ) -> tuple[Array, None]:
        x, g = part
        x = jnp.pad(x, ((0, 0), (pad[0], pad[0]), (pad[1], pad[1]), (0, 0)))
        shifted = [x[:, :, j : j + width : stride[1]] for j in range(columns)]
        # in memory: else XLA would make it again for each product
        met = lax.optimization_barrier(jnp.concatenate(shifted, axis=-1))  # [N, H, X, J C]
        g = g.reshape(-1, outputs)  # [N Y X, O]
        of_rows = []
        for i in range(rows):
            met_by_row = met[:, i : i + height : stride[0]].reshape(-1, columns * channels)
            of_rows.append(matmul(met_by_row, g, transpose_a=True))  # [J C, O]
        return dw + jnp.stack(of_rows), None

    start = jnp.zeros((rows, columns * channels, outputs), jnp.float32)
    parts = tuple(array.reshape(-1, images, *array.shape[1:]) for array in (x, g))
    dw, _ = lax.scan(add_images, start, parts)
    return dw.reshape(rows, columns, channels, outputs)


def _images_at_once(batch: int, positions: int) -> int:
    """The fewest images, a divisor of the batch, whose positions make sums that oneDNN is fast at.

    Fewer cost a fifth at 7x7, more lose the cache: a quarter at 28x28.
    """
    divisors = [images for images in range(1, batch + 1) if batch % images == 0]
    enough = [images for images in divisors if images * positions >= _FAST_SUMS]
    return min(enough, default=batch)
