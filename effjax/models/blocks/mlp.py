"""The channel MLP of a block.

Shapes: C channels, ... any leading axes.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from flax import linen as nn
from jax import Array

from effjax.models.architecture import Width
from effjax.models.blocks.activations import ACTIVATIONS
from effjax.models.blocks.layers import Affine, Linear, Scale, unscaled
from effjax.ops import own_channels, scale_early

# hidden channels of each block of each stage, where they are not a multiple of the block's own
HiddenWidths = tuple[tuple[Width, ...], ...] | None


class Mlp(nn.Module):
    """Two linear layers with an activation between them, on the channels of each position."""

    ratio: float = 4.0
    activation: str = "gelu"
    use_bias: bool = True
    hidden: int | None = None  # None: by the ratio

    @nn.compact
    def __call__(
        self, x: Array, scale: Callable[[Array], Array] = unscaled, affine: Affine = None
    ) -> Array:
        """`scale` of the result, by way of the last layer's kernel; `affine` as of `Linear`."""
        channels = own_channels(x)
        # rounded down, as in timm
        hidden = self.hidden or int(self.ratio * channels)
        fc1 = Linear(hidden, self.use_bias, name="fc1")
        x = fc1(x, affine=affine)  # [..., C] -> [..., ratio * C]
        x = ACTIVATIONS[self.activation](name="act")(x)
        return Linear(channels, self.use_bias, name="fc2")(x, scale)


def scaled(mlp: Mlp, x: Array, scale: Scale) -> Array:
    """scale * mlp(x)."""
    if scale_early():
        return mlp(x, scale)
    return scale(mlp(x))


def hidden_width(architecture: Any, path: Sequence[str]) -> int | None:
    """The hidden channels that `mlp_hidden` states for a block; None: those of the ratio.

    Args:
      path: of the block, such as ("stages_0", "blocks_1"), or ("blocks_1",) in a single stage.
    """
    if architecture.mlp_hidden is None:
        return None
    stage, block = place_of(path)
    return architecture.mlp_hidden[stage][block]


def place_of(path: Sequence[str]) -> tuple[int, int]:
    """(stage, block) of a block's path, counted from 0."""
    numbers = [int(number) for part in path for number in re.findall(r"_(\d+)$", part)]
    if len(numbers) < 2:
        return 0, numbers[-1]
    return numbers[-2], numbers[-1]
