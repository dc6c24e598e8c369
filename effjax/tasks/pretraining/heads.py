"""What stands on an encoder while it learns, and is left out afterwards.

Shapes: B batch, C features of the encoder, D of the projection.
"""

from typing import Any

from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.norms import BatchNorm


class Projector(nn.Module):
    """[B, C] -> [B, D] by `layers` linear layers with ReLU between.

    With `norm` (MoCo v3) the layers have no bias, batch norm stands before each ReLU, and one
    without scale and bias at the end.
    """

    layers: int
    hidden: int
    dim: int
    norm: bool = False
    batch_axis: str | None = None
    dtype: Any = None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        for number in range(self.layers):
            is_last = number == self.layers - 1
            width = self.dim if is_last else self.hidden
            x = nn.Dense(width, use_bias=not self.norm, dtype=self.dtype, name=f"fc{number}")(x)
            if self.norm:
                name = f"bn{number}"
                x = BatchNorm(self.batch_axis, affine=not is_last, name=name)(x, examples)
            if not is_last:
                x = nn.relu(x)
        return x
