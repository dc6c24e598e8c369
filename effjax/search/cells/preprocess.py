"""How a searched cell takes in the outputs of the two cells before it: their channels, their size.

As `effjax.models.blocks.cell_operations`, with norms that learn nothing.

Shapes: B batch, H W space, C channels.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.cell_operations import one_further
from effjax.models.blocks.layers import padded_conv
from effjax.models.blocks.norms import BatchNorm


class Fit(nn.Module):
    """ReLU, 1x1 convolution, norm."""

    width: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        x = padded_conv(self.width, 1, name="op_1")(nn.relu(x))
        return BatchNorm(self.batch_axis, affine=False, name="op_2")(x, examples)


class FitReduced(nn.Module):
    """For a state from before a reduction: half of the map, by two convolutions of stride 2."""

    width: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        x = nn.relu(x)
        half = self.width // 2
        here = padded_conv(half, 1, 2, name="conv1")(x)
        beside = padded_conv(self.width - half, 1, 2, name="conv2")(one_further(x))
        joined = jnp.concatenate([here, beside], axis=-1)
        return BatchNorm(self.batch_axis, affine=False, name="bn")(joined, examples)
