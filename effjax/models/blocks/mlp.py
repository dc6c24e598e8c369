"""The channel MLP of a block.

Shapes: C channels, ... any leading axes.
"""

from flax import linen as nn
from jax import Array

from effjax.models.blocks.activations import ACTIVATIONS
from effjax.models.blocks.layers import Linear


class Mlp(nn.Module):
    """Two linear layers with an activation between them, on the channels of each position."""

    ratio: float = 4.0
    activation: str = "gelu"
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        # rounded down, as in timm
        hidden = int(self.ratio * channels)
        x = Linear(hidden, self.use_bias, name="fc1")(x)  # [..., C] -> [..., ratio * C]
        x = ACTIVATIONS[self.activation](name="act")(x)
        return Linear(channels, self.use_bias, name="fc2")(x)
