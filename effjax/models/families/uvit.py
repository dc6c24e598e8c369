"""U-ViT, a transformer with long skips (https://arxiv.org/abs/2209.12152), and ScaleLong's scales.

The time and the label are tokens. Shapes: B batch, H W space, N tokens, C channels.
"""

from dataclasses import dataclass

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Channels, Depth, Ratio, Stride, Width, check
from effjax.models.blocks.activations import gelu
from effjax.models.blocks.adaln import Attention, LabelEmbedding, PatchTokens, patches_to_map
from effjax.models.blocks.initialisers import normal_init
from effjax.models.blocks.layers import Conv, Linear
from effjax.models.blocks.norms import LayerNorm
from effjax.models.blocks.sinusoids import time_table
from effjax.models.blocks.skips import SkipGate, Skips, gated, skip_factor
from effjax.models.denoiser import Denoiser, Hidden
from effjax.models.families.dit import token_grid
from effjax.models.registry import register_family
from effjax.ranges import Count, Share

EPS = 1e-5


@dataclass(frozen=True)
class UViTArchitecture:
    """`depth` blocks beside a middle one; the first half hands its outputs to the second."""

    width: Width  # channels
    heads: Count  # of attention
    depth: Depth = 12  # blocks beside the middle one: an even number
    patch_size: Stride = 2  # side
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    in_chans: Channels = 3  # of an example
    null_label: bool = True  # one row more than classes: "no label"
    skips: Skips = "plain"  # how skips are scaled
    kappa: Share = 0.7  # of skips="constant"
    qkv_bias: bool = False
    image_size: Count | None = None  # side of the examples; None: 32

    def __post_init__(self) -> None:
        check(self)
        if self.width % self.heads:
            raise UserError(f"width={self.width} is no multiple of heads={self.heads}")
        if self.depth % 2:
            raise UserError(f"depth={self.depth}: give an even number, half in and half out")


class UViTBlock(nn.Module):
    """Attention and MLP after norms; an earlier output is joined first if one is given."""

    architecture: UViTArchitecture

    @nn.compact
    def __call__(self, x: Array, skip: Array | None = None) -> Array:
        a = self.architecture
        if skip is not None:
            x = Linear(a.width, name="skip_linear")(jnp.concatenate([x, skip], -1))
        attention = Attention(a.heads, kernel_init=normal_init, qkv_bias=a.qkv_bias, name="attn")
        x += attention(LayerNorm(EPS, name="norm1")(x))
        return x + UViTMlp(int(a.width * a.mlp_ratio), name="mlp")(LayerNorm(EPS, name="norm2")(x))


class UViTMlp(nn.Module):
    """linear, exact GELU, linear."""

    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        return Linear(channels, name="fc2")(gelu(Linear(self.hidden, name="fc1")(x)))


class UViT(Denoiser):
    """Tokens of patches, time and label; blocks in, a middle one, blocks out."""

    @nn.compact
    def forward(self, x: Array, told: Array, labels: Array, hidden: Hidden | None) -> Array:
        a = self.architecture
        grid = token_grid(x, a.patch_size)
        patches = PatchTokens(a.patch_size, a.width, name="patch_embed")(x)
        extra = [time_table(told, a.width)]
        if self.num_classes:
            extra.insert(0, LabelEmbedding(self.labels_known, a.width, name="label_emb")(labels))
        extra = jnp.stack(extra, 1).astype(x.dtype)
        x = jnp.concatenate([extra, patches], 1)
        x += self.param("pos_embed", normal_init, (1, *x.shape[1:])).astype(x.dtype)
        half = a.depth // 2
        outputs = []
        for number in range(half):
            x = UViTBlock(a, name=f"in_blocks_{number}")(x)
            outputs.append(x)
        x = UViTBlock(a, name="mid_block")(x)
        one_gate = SkipGate(name="se") if a.skips == "learned" else None
        for number in range(half):
            skip = self._scaled(outputs.pop(), number, half, one_gate)
            x = UViTBlock(a, name=f"out_blocks_{number}")(x, skip)
        x = LayerNorm(EPS, name="norm")(x)
        x = Linear(a.patch_size**2 * a.in_chans, name="decoder_pred")(x)
        image = patches_to_map(x[:, extra.shape[1] :], grid, a.patch_size)
        return Conv(a.in_chans, (3, 3), pad=1, name="final_layer")(image)

    def _scaled(self, skip: Array, number: int, count: int, gate: SkipGate | None) -> Array:
        a = self.architecture
        if a.skips == "learned_each":
            gate = SkipGate(name=f"se_{number}")
        if gate is None:
            return skip_factor(a.skips, number, count, a.kappa) * skip
        return gated(skip, gate(skip))


@register_family(UViT, "U-ViT, takes noise away; long skips (ScaleLong)", input_shape=(32, 32, 3))
def uvit() -> dict[str, UViTArchitecture]:
    """Published for CIFAR-10 and ImageNet of 64 pixels."""
    return {
        "uvit_small": UViTArchitecture(512, 8, 12),
        "uvit_mid": UViTArchitecture(768, 12, 16, patch_size=4),
    }
