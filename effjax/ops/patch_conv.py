"""The strided convolution that makes patches of an image or map, overlapping or not.

Shapes: B batch, H W input space, Y X output space, C and O channels, I J kernel rows and columns.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.onednn import (
    convolution,
    large_enough,
    matmul,
    with_gradients,
    xla_or_onednn,
)

Pair = tuple[int, int]


def patch_conv(
    x: Array,
    w: Array,
    stride: Pair,
    pad: Pair,
) -> Array:
    """[B, Y, X, O] of ``x`` [B, H, W, C] and ``w`` [I, J, C, O], ``pad`` zeros on both sides.

    XLA's convolution, or, inside `onednn_calls` on one CPU device, calls where it is large and
    strides: the gradient of the kernel is then a product of the patches and ``g``, and custom:
    forward-mode differentiation works on top of it, not in place of it.
    """
    # shapes alone say whether a call pays, so that the choice costs nothing at run time
    plain = partial(patch_conv_reference, stride=stride, pad=pad)
    if not _pays(x, w, stride, pad):
        return plain(x, w)
    call = partial(convolution, stride=stride, pad=pad)
    x_shape = x.shape
    w_shape = w.shape

    # the transpose of a linear map needs the shape of its argument, not its value
    def input_gradient(g: Array, w: Array) -> Array:
        x = jax.ShapeDtypeStruct(x_shape, g.dtype)
        transpose = jax.linear_transpose(lambda x: plain(x, w), x)
        (dx,) = transpose(g)
        return dx

    def kernel_gradient(x: Array, g: Array) -> Array:
        w = jax.ShapeDtypeStruct(w_shape, g.dtype)
        transpose = jax.linear_transpose(lambda w: plain(x, w), w)
        (dw,) = transpose(g)
        return dw

    def kernel_gradient_call(x: Array, g: Array) -> Array:
        patches = _patches(x, w_shape, stride, pad)
        g = g.reshape(-1, g.shape[-1])  # [B Y X, O]
        dw = matmul(patches, g, transpose_a=True)  # [I J C, O]
        return dw.reshape(w_shape)

    convolve = with_gradients(
        xla_or_onednn(plain, call),
        input_gradient,
        xla_or_onednn(kernel_gradient, kernel_gradient_call),
    )
    return convolve(x, w)


def patch_conv_reference(
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
    """Whether calls are faster: measured where both strides are above 1, in float32."""
    if min(stride) == 1 or x.dtype != jnp.float32:
        return False
    y = jax.eval_shape(partial(patch_conv_reference, stride=stride, pad=pad), x, w)
    products = y.size * math.prod(w.shape[:3])
    return large_enough(products, x.dtype)


def _patches(
    x: Array,
    kernel: tuple[int, ...],
    stride: Pair,
    pad: Pair,
) -> Array:
    """[B Y X, I J C]: what the kernel meets at each place of the result."""
    rows, columns = pad
    x = jnp.pad(x, ((0, 0), (rows, rows), (columns, columns), (0, 0)))
    height = _places(x.shape[1], kernel[0], stride[0])
    width = _places(x.shape[2], kernel[1], stride[1])
    shifted = []
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            of_rows = slice(i, i + height, stride[0])
            of_columns = slice(j, j + width, stride[1])
            shifted.append(x[:, of_rows, of_columns])
    patches = jnp.concatenate(shifted, axis=-1)
    # in memory: else XLA would make them again for each block of the product
    patches = lax.optimization_barrier(patches)
    return patches.reshape(-1, patches.shape[-1])


def _places(
    length: int,
    side: int,
    stride: int,
) -> int:
    """How far the first cell of the kernel moves along an axis, plus one."""
    return (length - side) // stride * stride + 1
