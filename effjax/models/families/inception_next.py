"""InceptionNeXt: When Inception Meets ConvNeXt, https://arxiv.org/abs/2303.16900.

Shapes: B batch, H W space, C channels, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.architecture import (
    Channels,
    Depth,
    Kernel,
    Pad,
    Rate,
    Ratio,
    Stride,
    Width,
    Windows,
    check,
    entries,
    sides,
)
from effjax.models.base import BlockWindows, ImageModel, Outputs
from effjax.models.blocks.activations import gelu
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.layers import DepthwiseConv, Linear, Scale
from effjax.models.blocks.mlp import HiddenWidths, Mlp, hidden_width, scaled
from effjax.models.blocks.norms import BatchNorm, LayerNorm
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.stages import Patches, Stage
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import STAGED
from effjax.models.registry import register_family
from effjax.ranges import Range


@dataclass(frozen=True)
class InceptionNeXtArchitecture:
    """An InceptionNeXt; one entry for each stage where a field is a tuple.

    Each of the three convolution branches takes `branch_ratio` of the channels: a square kernel and
    two bands, whose sizes may be given for each block: a square kernel's as a size or (height,
    width), the bands' as one size for both or (the high one's, the wide one's).
    """

    depths: tuple[Depth, ...]  # blocks of each stage
    dims: tuple[Width, ...]  # channels of each stage
    branch_ratio: Annotated[float, Range(0, 1 / 3)] = 1 / 8  # share of the channels in each branch
    square_kernels: tuple[Windows, ...] = (3, 3, 3, 3)  # a side, or (height, width)
    # a length, or (of the high one, of the wide one)
    band_kernels: tuple[Windows, ...] = (11, 11, 11, 11)
    mlp_ratios: tuple[Ratio, ...] = (4.0, 4.0, 4.0, 3.0)  # of each stage
    mlp_hidden: HiddenWidths = None  # of each block of each stage; None: by the ratio
    patch_kernels: tuple[Kernel, ...] = (4, 2, 2, 2)  # sides of the kernels that make patches
    patch_strides: tuple[Stride, ...] = (4, 2, 2, 2)  # how much each stage shrinks the map
    patch_pads: tuple[Pad, ...] = (0, 0, 0, 0)  # zeros on each side
    layer_scale: float = 1e-6  # initial
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    # compute a stage again in the backward pass
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self, "square_kernels", "band_kernels")


class InceptionNeXt(ImageModel):
    """Four stages of MetaNeXt blocks: mix tokens, normalise, mix channels, in one residual."""

    layout = STAGED

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        x = Patches(a, 0, self._norm(), name="stem")(x, examples)
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = self._stage(i, rates)(x, examples)
            features[f"stage{i + 1}"] = x
        features["pooled"] = mean_over_positions(x)
        head = Head(a, self.num_classes, name="head")
        logits, features["prelogits"] = head(features["pooled"], examples)
        return logits, features

    @nn.nowrap
    def _norm(self) -> partial:
        return partial(BatchNorm, self.batch_axis)

    def _stage(self, i: int, rates: Sequence[float]) -> Stage:
        a = self.architecture
        block = maybe_remat(Block, a.remat[i])
        block = partial(block, a, self.batch_axis, i)
        squares = entries(a, "square_kernels", i)
        bands = entries(a, "band_kernels", i)
        blocks = [partial(block, *pair) for pair in zip(squares, bands, strict=True)]
        downsample = partial(Patches, a, i, self._norm()) if i > 0 else None
        return Stage(downsample, blocks, rates, name=f"stages_{i}")

    @nn.nowrap
    def block_windows(self, stage: int, block: int) -> BlockWindows:
        return (
            ("token_mixer/dwconv_hw", "square_kernels", "both"),
            ("token_mixer/dwconv_w", "band_kernels", "wide"),
            ("token_mixer/dwconv_h", "band_kernels", "high"),
        )


class Block(nn.Module):
    """x + scale * mlp(norm(mixer(x)))."""

    architecture: InceptionNeXtArchitecture
    batch_axis: str | None
    stage: int
    square: int | tuple[int, int]
    band: int | tuple[int, int]
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        mixer = InceptionMixer(a.branch_ratio, self.square, self.band, name="token_mixer")
        y = mixer(x)
        y = BatchNorm(self.batch_axis, name="norm")(y, examples)
        mlp = Mlp(a.mlp_ratios[self.stage], hidden=hidden_width(a, self.path), name="mlp")
        y = scaled(mlp, y, Scale(a.layer_scale, name="gamma"))
        return x + StochasticDepth(self.drop_path)(y, examples)


class InceptionMixer(nn.Module):
    """Depthwise kernels of four shapes on four groups of channels: none, square, wide, high."""

    branch_ratio: float
    square: int | tuple[int, int]
    band: int | tuple[int, int]

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        group = int(channels * self.branch_ratio)
        # The channels that no kernel sees come first.
        starts = [channels - count * group for count in (3, 2, 1)]
        kept, square, wide, high = jnp.split(x, starts, axis=-1)
        height, width = sides(self.band)
        square = DepthwiseConv(sides(self.square), name="dwconv_hw")(square)
        wide = DepthwiseConv((1, width), name="dwconv_w")(wide)
        high = DepthwiseConv((height, 1), name="dwconv_h")(high)
        return jnp.concatenate([kept, square, wide, high], axis=-1)


class Head(nn.Module):
    """Linear C -> 3C, GELU, norm, dropout, classifier; returns the normalised 3C too."""

    architecture: InceptionNeXtArchitecture
    classes: int

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> tuple[Array, Array]:
        channels = x.shape[-1]
        hidden = Linear(3 * channels, name="fc1")(x)  # [B, C] -> [B, 3 C]
        hidden = gelu(hidden)
        hidden = LayerNorm(name="norm")(hidden)
        dropout = self.architecture.head_dropout
        return classify(hidden, self.classes, dropout, examples, "fc2"), hidden


@register_family(InceptionNeXt, "InceptionNeXt, square and band kernels in parallel branches")
def inception_next() -> dict[str, InceptionNeXtArchitecture]:
    """Drop path rates are those of the published training on ImageNet-1k."""
    make = InceptionNeXtArchitecture
    deep = (3, 3, 27, 3)
    atto = make(
        (2, 2, 6, 2),
        (40, 80, 160, 320),
        branch_ratio=1 / 4,
        band_kernels=(9, 9, 9, 9),
        drop_path_rate=0.1,
    )
    return {
        "inception_next_atto": atto,
        "inception_next_tiny": make((3, 3, 9, 3), (96, 192, 384, 768), drop_path_rate=0.1),
        "inception_next_small": make(deep, (96, 192, 384, 768), drop_path_rate=0.3),
        "inception_next_base": make(deep, (128, 256, 512, 1024), drop_path_rate=0.4),
    }
