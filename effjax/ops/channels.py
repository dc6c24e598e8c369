"""Products over the channels of each position, and the shape in which positions are kept.

Shapes: B batch, H W space, N positions, I O channels before and after, ... any leading axes.

A TPU computes on tiles of 8 rows by 128 lanes. With channels in the lanes, 64 of them leave half of
every tile empty, and a norm has to sum along lanes, which is slow. XLA turns such a map around, so
that positions fill the lanes, if they are one axis: [B, N, C]. It cannot if the batch is merged
with them, nor if H and W are two axes, as then W alone would have to fill the lanes.
"""

import math

from jax import Array

from effjax.ops.matrix_product import matrix_product
from effjax.ops.platform import on_tpu

LANES = 128  # of a TPU's vector registers


def channel_product(x: Array, kernel: Array) -> Array:
    """[..., I] times [I, O], as a product of two matrices."""
    *leading, channels = x.shape
    if on_tpu() and len(leading) > 1:
        positions = x.reshape(leading[0], math.prod(leading[1:]), channels)  # [B, N, I]
        y = positions @ kernel
    else:
        # With more than one leading axis, XLA on a CPU transposes what the gradient of the kernel
        # needs, and recomputes it there from all that can be fused.
        rows = x.reshape(-1, channels)  # [N, I]
        y = matrix_product(rows, kernel)
    return y.reshape(*leading, -1)


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
