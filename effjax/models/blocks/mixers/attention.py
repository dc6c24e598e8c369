"""Mixing by self-attention.

Shapes: B batch, H W space, N = H * W tokens, C channels.
"""

from typing import Annotated

from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.attention import attend, split_qkv
from effjax.models.blocks.layers import Linear
from effjax.models.blocks.mixers.mixer import TokenMixer, register_mixer
from effjax.ranges import Range


@register_mixer("attention", "self-attention over all positions")
class Attention(TokenMixer):
    """Self-attention over all positions, without biases (https://arxiv.org/abs/1706.03762).

    Attributes:
      head_dim: channels of a head.
      heads: their number; None: as many as C holds.
    """

    head_dim: Annotated[int, Range(1, 65536)] = 32
    heads: Annotated[int, Range(1, 65536)] | None = None

    can_scan = True

    @nn.compact
    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        channels = x.shape[-1]
        tokens = x.reshape(x.shape[0], -1, channels)  # [B, N, C]
        # Heads are whole: a rest of the channels gets none, few channels get one.
        heads = self.heads or max(channels // self.head_dim, 1)
        width = heads * self.head_dim
        qkv = Linear(3 * width, use_bias=False, parts=3, name="qkv")(tokens)
        mixed = attend(*split_qkv(qkv), self.head_dim)
        y = Linear(channels, use_bias=False, name="proj")(mixed)
        return y.reshape(x.shape)
