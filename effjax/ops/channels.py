"""Products over the channels of each position, and the shape in which positions are kept.

Shapes: B batch, H W space, N positions, I O channels before and after, ... any leading axes.

A TPU computes on tiles of 8 rows by 128 lanes. With channels in the lanes, 64 of them leave half of
every tile empty, and a norm has to sum along lanes, which is slow. XLA turns such a map around, so
that positions fill the lanes, if they are one axis: [B, N, C]. It cannot if the batch is merged
with them, nor if H and W are two axes, as then W alone would have to fill the lanes.
"""

import math

import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.beside import LANES, for_each_channel, on_the_diagonal
from effjax.ops.matrix_product import matrix_product
from effjax.ops.platform import on_tpu


def channel_product(x: Array, kernel: Array, parts: int = 1) -> Array:
    """[..., I] times [I, O], as a product of two matrices; k images side by side [..., k I] too.

    Args:
      parts: so many equal parts of O are used each by itself. A TPU computes them each by itself:
        the joined array is never made, nor is its gradient, since XLA drops what is joined only to
        be split.
    """
    if on_tpu() and parts > 1:
        kernels = jnp.split(kernel, parts, axis=-1)
        return jnp.concatenate([channel_product(x, part) for part in kernels], axis=-1)
    *leading, channels = x.shape
    count = channels // kernel.shape[0]
    if count > 1:
        # as a map: its rows and columns as one axis would have it turned around
        return jnp.tensordot(x, on_the_diagonal(kernel, count), 1)
    if on_tpu() and len(leading) > 1:
        positions = x.reshape(leading[0], math.prod(leading[1:]), channels)  # [B, N, I]
        y = positions @ kernel
    else:
        # With more than one leading axis, XLA on a CPU transposes what the gradient of the kernel
        # needs, and recomputes it there from all that can be fused.
        rows = x.reshape(-1, channels)  # [N, I]
        y = matrix_product(rows, kernel)
    return y.reshape(*leading, -1)


def product_of_affine(x: Array, kernel: Array, factor: Array, shift: Array) -> Array:
    """(factor * x + shift) [B, ..., I] times [I, O], by a kernel and a bias for each image.

    Args:
      factor, shift: [B, 1, ..., I], or 1 in the place of I; in float32.
    """
    kernel = on_the_diagonal(kernel, x.shape[-1] // kernel.shape[0])
    batch, *space, channels = x.shape
    of_image = (batch, *(1,) * len(space), channels)
    factors = jnp.broadcast_to(factor, of_image).reshape(batch, channels, 1)
    kernels = (factors * kernel[None]).astype(x.dtype)  # [B, I, O]
    y = lax.dot_general(x, kernels, (((x.ndim - 1,), (1,)), ((0,), (0,))))
    shifts = jnp.broadcast_to(shift, of_image).reshape(batch, channels)
    bias = shifts @ kernel  # [B, O]
    return y + bias.astype(y.dtype).reshape(batch, *of_image[1:-1], -1)


def channel_sum(x: Array, bias: Array, parts: int = 1) -> Array:
    """[..., O] plus [O], in the dtype of `x`; `parts` as in `channel_product`."""
    if on_tpu() and parts > 1:
        pairs = zip(jnp.split(x, parts, axis=-1), jnp.split(bias, parts), strict=True)
        return jnp.concatenate([channel_sum(part, own) for part, own in pairs], axis=-1)
    return x + for_each_channel(bias, x)


def scale_early() -> bool:
    """Whether s (x W) is better computed as x (W s), where s is a factor for each output channel.

    On a TPU it is: the gradient of s is then a sum over the kernel, not a pass over two maps.
    """
    return on_tpu()


def rest_shape(shape: tuple[int, ...], has_rows: bool) -> tuple[int, ...]:
    """The shape in which a map [B, H, W, C] is best kept between products over its channels.

    [B, H * W, C] on a TPU, if C does not fill the lanes or if nothing asks for rows; else its own.

    Args:
      has_rows: whether what mixes positions takes H and W as two axes, as a convolution does.
    """
    if on_tpu() and len(shape) == 4 and (shape[-1] < LANES or not has_rows):
        batch, height, width, channels = shape
        return batch, height * width, channels
    return shape
