"""Mixing by a depthwise convolution between two linear layers.

Shapes: B batch, H W space, C channels.
"""

from typing import Annotated

from flax import linen as nn
from jax import Array

from effjax.models.architecture import sides
from effjax.models.blocks.activations import StarReLU
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.layers import DepthwiseConv, Linear
from effjax.models.blocks.mixers.mixer import TokenMixer, register_mixer
from effjax.ranges import Range


@register_mixer("separable_conv", "linear, StarReLU, depthwise convolution, linear")
class SeparableConv(TokenMixer):
    """Inverted separable convolution (ConvFormer, https://arxiv.org/abs/2210.13452).

    Attributes:
      expansion: channels of the depthwise convolution, as a multiple of C.
      hidden: their number, where it is no multiple; None: by `expansion`.
    """

    expansion: Annotated[int, Range(1, 64)] = 2
    hidden: Annotated[int, Range(1, 65536)] | None = None

    window = "dwconv"
    can_scan = True

    @nn.compact
    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        channels = x.shape[-1]
        hidden = self.hidden or self.expansion * channels
        window = sides(self.kernel_size)
        x = Linear(hidden, use_bias=False, name="pwconv1")(x)
        x = StarReLU(name="act1")(x)
        # No activation after it, unlike a MobileNet's inverted bottleneck.
        x = DepthwiseConv(window, use_bias=False, name="dwconv")(x)
        return Linear(channels, use_bias=False, name="pwconv2")(x)
