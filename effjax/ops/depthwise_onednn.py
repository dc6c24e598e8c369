"""Depthwise convolution by calls into oneDNN.

All three maps are convolutions. The gradient of the kernel is, image by image, one of the input
with the gradient as a kernel as large as the map, and few results.

Shapes: B batch, H W input space, Y X output space, C channels, I J kernel rows and columns.
"""

import jax
import jax.numpy as jnp
from jax import lax

from effjax.ops.onednn import convolution
from effjax.ops.spread import spread


def convolve(x: jax.Array, w: jax.Array, stride: int, dilation: int) -> jax.Array:
    """[B, Y, X, C] of ``x`` [B, H, W, C] and ``w`` [I, J, 1, C]."""
    return _correlate(x, w, stride, dilation, _half(w.shape, dilation)).astype(x.dtype)


def input_gradient(
    g: jax.Array, w: jax.Array, space: tuple[int, int], stride: int, dilation: int
) -> jax.Array:
    """[B, H, W, C] of ``g`` [B, Y, X, C] and ``w`` [I, J, 1, C]; ``space`` is (H, W)."""
    return convolve(spread(g, stride, space), jnp.flip(w, (0, 1)), 1, dilation)


def kernel_gradient(
    x: jax.Array, g: jax.Array, sides: tuple[int, int], stride: int, dilation: int
) -> jax.Array:
    """[I, J, 1, C] of ``x`` [B, H, W, C] and ``g`` [B, Y, X, C]; ``sides`` is (I, J)."""
    pad = _half(sides, dilation)

    def add_image(dw: jax.Array, image: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        x, g = image
        # g is the kernel: it is spread by the stride, and moves by the dilation
        of_image = _correlate(x[None], g[:, :, None], dilation, stride, pad)
        return dw + of_image[0, : sides[0], : sides[1], None], None

    dw = jnp.zeros((*sides, 1, x.shape[-1]), jnp.float32)
    return lax.scan(add_image, dw, (x, g))[0].astype(x.dtype)


def _correlate(
    x: jax.Array, w: jax.Array, stride: int, dilation: int, pad: tuple[int, int]
) -> jax.Array:
    return convolution(x, w, [stride] * 2, [dilation] * 2, pad, groups=x.shape[-1])


def _half(sides: tuple[int, ...], dilation: int) -> tuple[int, int]:
    return dilation * (sides[0] // 2), dilation * (sides[1] // 2)
