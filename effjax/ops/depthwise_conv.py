"""Depthwise convolution: one kernel for each channel, zero padding of half the kernel.

Shapes: B batch, H W input space, Y X output space, C channels, I J kernel rows and columns.
"""

import jax
import jax.numpy as jnp
from jax import lax


def depthwise_conv(x: jax.Array, w: jax.Array, stride: int = 1, dilation: int = 1) -> jax.Array:
    """Convolve each channel of ``x`` [B, H, W, C] with its own kernel ``w`` [I, J, 1, C].

    Each side is padded with zeros, ``dilation * (I // 2)`` rows and ``dilation * (J // 2)``
    columns, so that the result is [B, ceil(H / stride), ceil(W / stride), C]. Products of low
    precision numbers are summed in float32. Raises ValueError if a kernel side is even.
    """
    kh, kw = w.shape[:2]
    if kh % 2 == 0 or kw % 2 == 0:
        raise ValueError(f"depthwise_conv needs odd kernel sides, got {kh}x{kw}")
    height, width = (-(-size // stride) for size in x.shape[1:3])
    pad_h, pad_w = dilation * (kh // 2), dilation * (kw // 2)
    kernel = w[:, :, None].astype(jnp.promote_types(x.dtype, jnp.float32))  # [I, J, 1, 1, C]
    padded = jnp.pad(x, ((0, 0), (pad_h, pad_h), (pad_w, pad_w), (0, 0)))
    dtype = jnp.promote_types(x.dtype, jnp.float32)

    def term(i: int, j: int) -> jax.Array:
        rows = slice(i * dilation, i * dilation + (height - 1) * stride + 1, stride)
        columns = slice(j * dilation, j * dilation + (width - 1) * stride + 1, stride)
        return padded[:, rows, columns].astype(dtype) * kernel[None, i, j]

    out = sum(term(i, j) for i in range(kh) for j in range(kw))
    return out.astype(x.dtype)


def depthwise_conv_reference(
    x: jax.Array, w: jax.Array, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """The same by XLA's grouped convolution."""
    kh, kw = w.shape[:2]
    pads = [(dilation * (k // 2),) * 2 for k in (kh, kw)]
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(stride, stride),
        padding=pads,
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )
