"""The strided convolution that makes patches of an image or map, overlapping or not.

Shapes: B batch, H W input space, Y X output space, C and O channels, I J kernel rows and columns.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from effjax.ops.onednn.calls import convolution, either, matmul, with_gradients, worth_a_call

Pair = tuple[int, int]


def patch_conv(x: jax.Array, w: jax.Array, stride: Pair, pad: Pair) -> jax.Array:
    """[B, Y, X, O] of ``x`` [B, H, W, C] and ``w`` [I, J, C, O], ``pad`` zeros on both sides.

    XLA's convolution, or, inside `onednn_calls` on one CPU device, calls where it is large and
    strides: the gradient of the kernel is then a product of the patches and ``g``, and custom:
    forward-mode differentiation works on top of it, not in place of it.
    """
    y = jax.eval_shape(partial(patch_conv_reference, stride=stride, pad=pad), x, w)
    products = y.size * math.prod(w.shape[:3])
    if min(stride) == 1 or x.dtype != jnp.float32 or not worth_a_call(products, x.dtype):
        return patch_conv_reference(x, w, stride, pad)
    plain = partial(patch_conv_reference, stride=stride, pad=pad)
    call = partial(convolution, stride=stride, pad=pad)
    space, kernel = x.shape, w.shape

    def kernel_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        patches = _patches(x, kernel, stride, pad)
        dw = matmul(patches, g.reshape(-1, g.shape[-1]), transpose_a=True)
        return dw.reshape(kernel)

    def input_gradient(g: jax.Array, w: jax.Array) -> jax.Array:
        x = jax.ShapeDtypeStruct(space, g.dtype)
        return jax.linear_transpose(lambda x: plain(x, w), x)(g)[0]

    def plain_kernel_gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        w = jax.ShapeDtypeStruct(kernel, g.dtype)
        return jax.linear_transpose(lambda w: plain(x, w), w)(g)[0]

    return with_gradients(
        either(plain, call),
        input_gradient,
        either(plain_kernel_gradient, kernel_gradient),
    )(x, w)


def patch_conv_reference(x: jax.Array, w: jax.Array, stride: Pair, pad: Pair) -> jax.Array:
    """The same by XLA's convolution."""
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=stride,
        padding=[(p, p) for p in pad],
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )


def _patches(x: jax.Array, kernel: tuple[int, ...], stride: Pair, pad: Pair) -> jax.Array:
    """[B Y X, I J C]: what the kernel meets at each place of the result."""
    x = jnp.pad(x, ((0, 0), *((p, p) for p in pad), (0, 0)))
    space = [(n - k) // s * s + 1 for n, k, s in zip(x.shape[1:3], kernel, stride)]
    shifted = [
        x[:, i : i + space[0] : stride[0], j : j + space[1] : stride[1]]
        for i in range(kernel[0])
        for j in range(kernel[1])
    ]
    patches = lax.optimization_barrier(jnp.concatenate(shifted, axis=-1))
    return patches.reshape(-1, patches.shape[-1])
