"""The reduced Visformer of SUN: Self-Promoted Supervision, https://arxiv.org/abs/2203.07057.

Visformer itself: https://arxiv.org/abs/2104.12533. A few-shot backbone for images of 80x80.

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Annotated

from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import (
    Channels,
    Depth,
    Rate,
    Width,
    check,
)
from effjax.models.base import ImageModel, Outputs
from effjax.models.blocks.activations import gelu
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.attention import attend, split_qkv
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.initialisers import fan_out_init
from effjax.models.blocks.layers import Conv, Linear, at_least_float32, padded_conv
from effjax.models.blocks.norms import BatchNorm
from effjax.models.blocks.positions import add_positions
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.stages import in_a_row
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import Layout
from effjax.models.registry import register_family
from effjax.ops import max_pool
from effjax.ranges import Count, Range

WholeRatio = Annotated[int, Range(1, 256)]


@dataclass(frozen=True)
class VisformerArchitecture:
    """A Visformer of three stages; one entry for each stage where a field is a tuple.

    Stages without attention mix tokens by a grouped convolution inside of their MLP.
    """

    depths: tuple[Depth, ...]  # blocks of each stage
    dims: tuple[Width, ...]  # channels of each stage
    attention: tuple[bool, ...] = (False, True, True)  # whether blocks of a stage attend
    mlp_ratios: tuple[WholeRatio, ...] = (2, 4, 4)  # of each stage
    heads: Count = 6  # of attention
    groups: Count = 8  # of the 3x3 convolution in stages without attention
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    remat: tuple[bool, ...] = (False, False, False)  # compute a stage again in the backward pass

    def __post_init__(self) -> None:
        check(self)
        for stage, dim in enumerate(self.dims):
            if self.attention[stage] and dim < self.heads:
                raise UserError(
                    f"dims={self.dims}: the {dim} channels of stage {stage + 1} leave nothing for "
                    f"each of its {self.heads} attention heads; give at least {self.heads}"
                )


class Visformer(ImageModel):
    """Convolutions first, attention later, batch norm everywhere.

    `features` has the normalised last map [B, H, W, C] as "map"; its mean is `prelogits`.
    """

    layout = Layout(
        stem=("stem",),
        stage=("patch_embed{stage}", "pos_embed{stage}"),
        block="stage{stage}_{block}",
        head=("norm", "linear"),
        first_stage=1,
    )

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = self._patches(i)(x, examples)
            x = add_positions(self, f"pos_embed{i + 1}", x)
            block = maybe_remat(Block, a.remat[i])
            blocks = [partial(block, a, self.batch_axis, i)] * a.depths[i]
            x = in_a_row(blocks, rates, f"stage{i + 1}_{{}}", x, examples)
            features[f"stage{i + 1}"] = x
        x = at_least_float32(x)
        features["pooled"] = mean_over_positions(x)
        features["map"] = BatchNorm(self.batch_axis, name="norm")(x, examples)
        features["prelogits"] = prelogits = mean_over_positions(features["map"])
        logits = classify(prelogits, self.num_classes, a.head_dropout, examples, "linear")
        return logits, features

    def _patches(self, i: int) -> nn.Module:
        dim = self.architecture.dims[i]
        if i == 0:
            return maybe_remat(Stem, False)(dim, self.batch_axis, name="stem")
        embedding = maybe_remat(PatchEmbedding, False)
        return embedding(dim, self.batch_axis, name=f"patch_embed{i + 1}")


class Stem(nn.Module):
    """A residual block of three convolutions at stride 2, then max pooling."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        dim = self.dim
        y = padded_conv(dim // 2, 3, 2, name="conv1")(x)
        y = leaky(self._norm("bn1", y, examples))
        y = padded_conv(dim, 3, name="conv2")(y)
        y = leaky(self._norm("bn2", y, examples))
        y = padded_conv(dim, 3, name="conv3")(y)
        y = self._norm("bn3", y, examples)
        skip = padded_conv(dim, 3, 2, name="downsample_0")(x)
        skip = self._norm("downsample_1", skip, examples)
        # The activation comes after the sum, as in a ResNet.
        y = leaky(y + skip)
        return max_pool(y, 2, stride=2)

    def _norm(self, name: str, x: Array, examples: Examples) -> Array:
        return BatchNorm(self.batch_axis, name=name)(x, examples)


def leaky(x: Array) -> Array:
    """Leaky ReLU with a slope of 0.1 below 0."""
    return nn.leaky_relu(x, 0.1)


class PatchEmbedding(nn.Module):
    """Patches of 2x2 and a norm."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        proj = Conv(self.dim, (2, 2), 2, kernel_init=fan_out_init, name="proj")
        norm = BatchNorm(self.batch_axis, name="norm")
        return norm(proj(x), examples)


class Block(nn.Module):
    """Attention where the stage has it, then MLP, each after a norm and beside a skip."""

    architecture: VisformerArchitecture
    batch_axis: str | None
    stage: int
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        i = self.stage
        # One layer for both branches, so that its draws differ by their order.
        drop = StochasticDepth(self.drop_path)
        if a.attention[i]:
            y = BatchNorm(self.batch_axis, name="norm1")(x, examples)
            attention = Attention(a.heads, name="attn")
            x = x + drop(attention(y), examples)
        y = BatchNorm(self.batch_axis, name="norm2")(x, examples)
        # Without attention the MLP mixes tokens, by its grouped convolution.
        groups = None if a.attention[i] else a.groups
        mlp = ConvMlp(a.mlp_ratios[i], groups, name="mlp")
        return x + drop(mlp(y), examples)


class Attention(nn.Module):
    """Attention over all positions; heads of floor(C / heads) channels, no biases."""

    heads: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        head_dim = channels // self.heads
        width = 3 * self.heads * head_dim
        tokens = x.reshape(x.shape[0], -1, channels)  # [B, N, C]
        qkv = unbiased_linear(width, parts=3, name="qkv")(tokens)
        mixed = attend(*split_qkv(qkv), head_dim)
        # Channels that heads * head_dim leaves out come back by the projection.
        return unbiased_linear(channels, name="proj")(mixed).reshape(x.shape)


class ConvMlp(nn.Module):
    """1x1 convolutions with GELU and, where `groups` is given, a grouped 3x3 between them."""

    ratio: int
    groups: int | None

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        hidden = self.ratio * channels
        x = gelu(unbiased_linear(hidden, name="conv1")(x))
        if self.groups is not None:
            conv = padded_conv(hidden, 3, groups=self.groups, name="conv2")
            x = gelu(conv(x))
        return unbiased_linear(channels, name="conv3")(x)


def unbiased_linear(features: int, name: str, parts: int = 1) -> Linear:
    """A linear layer on each position; published files store it as a 1x1 convolution."""
    return Linear(features, use_bias=False, kernel_init=fan_out_init, parts=parts, name=name)


@register_family(
    Visformer, "Visformer of SUN for few-shot learning, images of 80x80", input_shape=(80, 80, 3)
)
def visformer() -> dict[str, VisformerArchitecture]:
    """The backbone that was released with SUN."""
    micro = VisformerArchitecture((4, 2, 3), (128, 256, 512), drop_path_rate=0.5)
    return {"visformer_micro_80": micro}
