"""The operations that the edges of a searched cell choose from, one network each.

DARTS, https://arxiv.org/abs/1806.09055; NAS-Bench-201, https://arxiv.org/abs/2001.00326. Numbers in
the names of layers are their places in the authors' sequences.

Shapes: B batch, H W space, C channels.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array, lax

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.initialisers import fan_out_init
from effjax.models.blocks.layers import DepthwiseConv, padded_conv
from effjax.models.blocks.norms import BatchNorm

POOL_SIDE = 3


class ReluConvNorm(nn.Module):
    """ReLU, convolution, batch norm."""

    features: int
    kernel: int
    batch_axis: str | None
    stride: int = 1

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        x = padded_conv(self.features, self.kernel, self.stride, name="op_1")(nn.relu(x))
        return BatchNorm(self.batch_axis, name="op_2")(x, examples)


class StridedReduction(nn.Module):
    """Half the map: two 1x1 convolutions of stride 2, one of them a row and a column further on.

    A map of odd size gets a row and a column of zeros at its end (PR-DARTS), where DARTS stops.
    """

    features: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        x = nn.relu(x)
        half = self.features // 2
        here = padded_conv(half, 1, 2, name="conv1")(x)
        beside = padded_conv(self.features - half, 1, 2, name="conv2")(one_further(x))
        joined = jnp.concatenate([here, beside], axis=-1)
        return BatchNorm(self.batch_axis, name="bn")(joined, examples)


def one_further(x: Array) -> Array:
    """`x` [B, H, W, C] without its first row and column, made even by zeros at the end."""
    rows = x.shape[1] % 2
    columns = x.shape[2] % 2
    return jnp.pad(x, ((0, 0), (0, rows), (0, columns), (0, 0)))[:, 1:, 1:]


class SeparableConv(nn.Module):
    """Twice: ReLU, depthwise, 1x1, batch norm; the stride is in the first."""

    features: int
    kernel: int
    batch_axis: str | None
    stride: int = 1

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        for first, stride in ((1, self.stride), (5, 1)):
            depthwise = spatial_conv(self.kernel, stride, name=f"op_{first}")
            pointwise = padded_conv(self.features, 1, name=f"op_{first + 1}")
            x = pointwise(depthwise(nn.relu(x)))
            x = BatchNorm(self.batch_axis, name=f"op_{first + 2}")(x, examples)
        return x


class DilatedConv(nn.Module):
    """ReLU, depthwise of dilation 2, 1x1, batch norm."""

    features: int
    kernel: int
    batch_axis: str | None
    stride: int = 1

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        x = spatial_conv(self.kernel, self.stride, 2, name="op_1")(nn.relu(x))
        x = padded_conv(self.features, 1, name="op_2")(x)
        return BatchNorm(self.batch_axis, name="op_3")(x, examples)


def spatial_conv(kernel: int, stride: int, dilation: int = 1, *, name: str) -> DepthwiseConv:
    """A depthwise convolution without bias."""
    return DepthwiseConv(
        (kernel, kernel),
        use_bias=False,
        kernel_init=fan_out_init,
        stride=stride,
        dilation=dilation,
        name=name,
    )


def average_pool_3x3(x: Array, stride: int = 1) -> Array:
    """The mean of the neighbours that there are: padding does not count."""
    there = _neighbour_counts(x.shape[1], x.shape[2], stride)
    total = sum(_neighbours(x, stride))
    return total * jnp.asarray(1 / there, x.dtype)


def _neighbours(x: Array, stride: int) -> list[Array]:
    """Nine maps: for each place of a 3x3 window what lies there."""
    margin = POOL_SIDE // 2
    config = ((0, 0, 0), (margin, margin, 0), (margin, margin, 0), (0, 0, 0))
    padded = lax.pad(x, jnp.zeros((), x.dtype), config)
    height, width = x.shape[1:3]
    found = []
    for row in range(POOL_SIDE):
        for column in range(POOL_SIDE):
            rows = slice(row, row + height, stride)
            columns = slice(column, column + width, stride)
            found.append(padded[:, rows, columns])
    return found


def _neighbour_counts(height: int, width: int, stride: int) -> np.ndarray:
    """[1, Y, X, 1]: how many cells of each window lie inside of the map."""
    rows = _inside(height)[::stride]
    columns = _inside(width)[::stride]
    return np.outer(rows, columns)[None, :, :, None]


def _inside(size: int) -> np.ndarray:
    """How many of the three neighbours along an axis there are."""
    there = np.full(size, float(POOL_SIDE))
    there[0] -= 1
    there[-1] -= 1
    return there
