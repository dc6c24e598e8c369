"""Inception Transformer, https://arxiv.org/abs/2205.12956 (its authors call it iFormer).

Shapes: B batch, H W space, C channels, K classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import (
    Channels,
    Depth,
    Rate,
    Ratio,
    Squares,
    Stride,
    Width,
    check,
    entries,
)
from effjax.models.base import BlockWindows, ImageModel, Outputs
from effjax.models.blocks.activations import gelu
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.attention import attend, split_qkv
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.layers import (
    Conv,
    DepthwiseConv,
    Linear,
    Scale,
    at_least_float32,
    max_pool_3x3,
)
from effjax.models.blocks.mlp import Mlp
from effjax.models.blocks.norms import BatchNorm, LayerNorm
from effjax.models.blocks.positions import add_positions
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.stages import in_a_row
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import Layout
from effjax.models.registry import register_family
from effjax.ranges import Range

Heads = Annotated[int, Range(1, 4096)]

HEAD_DIM = 32


@dataclass(frozen=True)
class InceptionTransformerArchitecture:
    """An Inception Transformer; one entry for each stage where a field is a tuple.

    `attention_heads` (of 32 channels each, the other channels go through convolution and max
    pooling) and the kernel sizes may be given for each block. `attention_pools` is the stride by
    which tokens are averaged before attention. None stands for: no layer scale.
    """

    depths: tuple[Depth, ...]  # blocks of each stage
    dims: tuple[Width, ...]  # channels of each stage
    attention_heads: tuple[Heads | tuple[Heads, ...], ...]  # of 32 channels each
    attention_pools: tuple[Stride, ...] = (2, 2, 1, 1)  # stride of the mean before attention
    kernel_sizes: tuple[Squares, ...] = (3, 3, 3, 3)  # of the convolution path
    fuse_kernel_sizes: tuple[Squares, ...] = (3, 3, 3, 3)  # of the convolution that joins the paths
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    layer_scale: tuple[float | None, ...] = (None, None, 1e-6, 1e-6)  # initial; None: no scale
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    # compute a stage again in the backward pass
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self, "kernel_sizes", "fuse_kernel_sizes")
        for stage in range(len(self.depths)):
            for heads in entries(self, "attention_heads", stage):
                if HEAD_DIM * heads >= self.dims[stage]:
                    raise UserError(
                        f"attention_heads={heads} of {HEAD_DIM} channels leave nothing of the "
                        f"{self.dims[stage]} channels of stage {stage + 1} for convolution"
                    )


class InceptionTransformer(ImageModel):
    """Four stages of blocks whose channels split into high and low frequencies."""

    layout = Layout(
        stem=("patch_embed",),
        stage=("patch_embed{stage}", "pos_embed{stage}"),
        block="blocks{stage}_{block}",
        head=("norm", "head"),
        first_stage=1,
    )

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = self._embed(x, i, examples)
            block = maybe_remat(Block, a.remat[i])
            numbers = range(a.depths[i])
            blocks = [partial(block, a, i, j) for j in numbers]
            x = in_a_row(blocks, rates, f"blocks{i + 1}_{{}}", x, examples)
            features[f"stage{i + 1}"] = x
        x = at_least_float32(x)
        prelogits = mean_over_positions(LayerNorm(name="norm")(x))  # [B, H, W, C] -> [B, C]
        features |= {"pooled": mean_over_positions(x), "prelogits": prelogits}
        return classify(prelogits, self.num_classes, a.head_dropout, examples, "head"), features

    def _embed(self, x: Array, stage: int, examples: Examples) -> Array:
        """Patches of a stage, with learned positions; these fit any grid by interpolation."""
        dim = self.architecture.dims[stage]
        if stage == 0:
            patches = maybe_remat(Stem, False)(dim, self.batch_axis, name="patch_embed")
        else:
            downsampling = maybe_remat(Downsampling, False)
            patches = downsampling(dim, self.batch_axis, name=f"patch_embed{stage + 1}")
        return add_positions(self, f"pos_embed{stage + 1}", patches(x, examples))

    @nn.nowrap
    def block_windows(self, stage: int, block: int) -> BlockWindows:
        return (
            ("attn/high_mixer/proj1", "kernel_sizes", "both"),
            ("attn/conv_fuse", "fuse_kernel_sizes", "both"),
        )


class Stem(nn.Module):
    """Two strided convolutions, a norm after each."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        norm1 = BatchNorm(self.batch_axis, name="norm1")
        norm2 = BatchNorm(self.batch_axis, name="norm2")
        x = halving_conv(self.dim // 2, name="proj1")(x)
        x = gelu(norm1(x, examples))
        x = halving_conv(self.dim, name="proj2")(x)
        return norm2(x, examples)


def halving_conv(features: int, name: str) -> Conv:
    """A 3x3 convolution that halves height and width."""
    return Conv(features, (3, 3), stride=2, pad=1, name=name)


class Downsampling(nn.Module):
    """A strided convolution and a norm."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        norm = BatchNorm(self.batch_axis, name="norm")
        x = halving_conv(self.dim, name="proj")(x)
        return norm(x, examples)


class Block(nn.Module):
    """Mix tokens, then channels, each after a norm and beside a skip connection."""

    architecture: InceptionTransformerArchitecture
    stage: int
    block: int
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        i = self.stage
        mixer = InceptionMixer(
            heads=self._own("attention_heads"),
            pool=a.attention_pools[i],
            kernel_size=self._own("kernel_sizes"),
            fuse_kernel_size=self._own("fuse_kernel_sizes"),
            name="attn",
        )
        mlp = Mlp(a.mlp_ratio, name="mlp")
        x = x + self._branch(1, mixer, x, examples)
        return x + self._branch(2, mlp, x, examples)

    @nn.nowrap
    def _own(self, field: str) -> int:
        """This block's entry of a field."""
        return entries(self.architecture, field, self.stage)[self.block]

    def _branch(
        self,
        number: int,
        layer: Callable[[Array], Array],
        x: Array,
        examples: Examples,
    ) -> Array:
        """layer scale * layer(norm(x)), dropped at random."""
        y = layer(LayerNorm(name=f"norm{number}")(x))
        init = self.architecture.layer_scale[self.stage]
        if init is not None:
            y = Scale(init, name=f"layer_scale{number}")(y)
        return StochasticDepth(self.drop_path)(y, examples)


class InceptionMixer(nn.Module):
    """High frequencies through convolution and max pooling, low ones through attention; fuse."""

    heads: int
    pool: int
    kernel_size: int
    fuse_kernel_size: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        # The convolutions take the first channels, attention the last.
        end = channels - HEAD_DIM * self.heads
        high, low = jnp.split(x, [end], axis=-1)
        high = HighMixer(self.kernel_size, name="high_mixer")(high)
        low = LowMixer(self.pool, name="low_mixer")(low)
        y = jnp.concatenate([high, low], axis=-1)
        window = (self.fuse_kernel_size, self.fuse_kernel_size)
        y = y + DepthwiseConv(window, use_bias=False, name="conv_fuse")(y)
        return Linear(channels, name="proj")(y)


class HighMixer(nn.Module):
    """Half of the channels through a depthwise convolution, half through max pooling: C -> 2C."""

    kernel_size: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        sharp, strong = jnp.split(x, 2, axis=-1)
        sharp = Linear(channels, use_bias=False, name="conv1")(sharp)
        window = (self.kernel_size, self.kernel_size)
        sharp = DepthwiseConv(window, use_bias=False, name="proj1")(sharp)
        strong = max_pool_3x3(strong, stride=1)
        strong = Linear(channels, name="proj2")(strong)
        return jnp.concatenate([gelu(sharp), gelu(strong)], axis=-1)


class LowMixer(nn.Module):
    """Attention over tokens that are averaged before and repeated after; no output projection."""

    pool: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, height, width, channels = x.shape
        pool = self.pool
        if height % pool or width % pool:
            raise UserError(
                f"a map of {height}x{width} does not divide by attention_pools={pool}: give images "
                f"whose sides divide by {8 * pool}, or set attention_pools"
            )
        x = nn.avg_pool(x, (pool, pool), (pool, pool))
        tokens = x.reshape(batch, -1, channels)  # [B, N, C]
        qkv = Linear(3 * channels, parts=3, name="qkv")(tokens)
        x = attend(*split_qkv(qkv), HEAD_DIM).reshape(x.shape)
        return x.repeat(pool, axis=1).repeat(pool, axis=2)


@register_family(
    InceptionTransformer, "Inception Transformer, convolution and max pooling beside attention"
)
def inception_transformer() -> dict[str, InceptionTransformerArchitecture]:
    """In stage 3 the second half of the blocks has more heads than the first."""
    small = InceptionTransformerArchitecture(
        (3, 3, 9, 3),
        (96, 192, 320, 384),
        attention_heads=(1, 3, (7,) * 4 + (9,) * 5, 11),
        drop_path_rate=0.2,
    )
    base = InceptionTransformerArchitecture(
        (4, 6, 14, 6),
        (96, 192, 384, 512),
        attention_heads=(1, 3, (8,) * 7 + (10,) * 7, 15),
        drop_path_rate=0.4,
    )
    large = InceptionTransformerArchitecture(
        (4, 6, 18, 8),
        (96, 192, 448, 640),
        attention_heads=(1, 3, (10,) * 9 + (12,) * 9, 19),
        drop_path_rate=0.5,
    )
    return {
        "inception_transformer_small": small,
        "inception_transformer_base": base,
        "inception_transformer_large": large,
    }
