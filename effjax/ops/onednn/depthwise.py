"""Depthwise convolution, stride 1, by calls into oneDNN.

All three maps are convolutions. The gradient of the kernel is, image by image, one of the input
with the gradient as a kernel as large as the map, and few results.

Shapes: B batch, H W space, C channels, I J kernel rows and columns.
"""

import jax
import jax.numpy as jnp
from jax import lax

from effjax.ops.onednn.calls import convolution


def convolve(x: jax.Array, w: jax.Array) -> jax.Array:
    """[B, H, W, C] of ``x`` [B, H, W, C] and ``w`` [I, J, 1, C]."""
    pad = (w.shape[0] // 2, w.shape[1] // 2)
    return convolution(x, w, (1, 1), pad, groups=x.shape[-1]).astype(x.dtype)


def input_gradient(g: jax.Array, w: jax.Array) -> jax.Array:
    """[B, H, W, C] of ``g`` [B, H, W, C] and ``w`` [I, J, 1, C]."""
    return convolve(g, jnp.flip(w, (0, 1)))


def kernel_gradient(x: jax.Array, g: jax.Array, sides: tuple[int, int]) -> jax.Array:
    """[I, J, 1, C] of ``x`` and ``g`` [B, H, W, C]; ``sides`` is (I, J)."""
    # zeros around the image spare oneDNN the borders of so large a kernel
    x = jnp.pad(x, ((0, 0), *((side // 2,) * 2 for side in sides), (0, 0)))

    def add_image(dw: jax.Array, image: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, None]:
        x, g = image
        return dw + convolution(x[None], g[:, :, None], (1, 1), (0, 0), groups=x.shape[-1]), None

    dw = jnp.zeros((1, *sides, x.shape[-1]), jnp.float32)
    return lax.scan(add_image, dw, (x, g))[0].reshape(*sides, 1, -1).astype(x.dtype)
