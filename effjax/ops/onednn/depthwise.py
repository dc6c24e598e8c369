"""Depthwise convolution, stride 1, by calls into oneDNN.

All three maps are convolutions.

Shapes: B batch, H W space, C channels, I J kernel rows and columns.
"""

import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.onednn.calls import convolution


def depthwise(x: Array, w: Array) -> Array:
    """[B, H, W, C] of ``x`` [B, H, W, C] and ``w`` [I, J, 1, C]."""
    rows, columns = w.shape[:2]
    channels = x.shape[-1]
    pad = (rows // 2, columns // 2)
    y = convolution(x, w, (1, 1), pad, groups=channels)
    return y.astype(x.dtype)


def depthwise_input_gradient(g: Array, w: Array) -> Array:
    """[B, H, W, C] of ``g`` [B, H, W, C] and ``w`` [I, J, 1, C]."""
    flipped = jnp.flip(w, (0, 1))
    return depthwise(g, flipped)


def depthwise_kernel_gradient(
    x: Array,
    g: Array,
    sides: tuple[int, int],
) -> Array:
    """[I, J, 1, C] of ``x`` and ``g`` [B, H, W, C]; ``sides`` is (I, J).

    Image by image, a convolution of the input with the gradient as its kernel: one as large as the
    map, with few results.
    """
    rows, columns = sides
    channels = x.shape[-1]
    # oneDNN skips what lies outside; zeros around the images would be a copy, and products with 0
    pad = (rows // 2, columns // 2)

    def add_image(
        dw: Array,
        image: tuple[Array, Array],
    ) -> tuple[Array, None]:
        x, g = image
        x = x[None]  # [1, H, W, C]
        kernel = g[:, :, None]  # [H, W, 1, C]
        of_image = convolution(x, kernel, (1, 1), pad, groups=channels)
        return dw + of_image, None

    start = jnp.zeros((1, rows, columns, channels), jnp.float32)
    dw, _ = lax.scan(add_image, start, (x, g))
    dw = dw.reshape(rows, columns, 1, channels)
    return dw.astype(x.dtype)
