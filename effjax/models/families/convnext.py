"""A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545.

Shapes: B batch, H W space, C channels, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

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
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.layers import DepthwiseConv, Scale
from effjax.models.blocks.mlp import HiddenWidths, Mlp, hidden_width, scaled
from effjax.models.blocks.norms import LayerNorm
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.stages import Patches, Stage
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import STAGED
from effjax.models.registry import register_family


@dataclass(frozen=True)
class ConvNeXtArchitecture:
    """A ConvNeXt; one entry for each stage where a field is a tuple.

    An entry of `kernel_sizes` may itself be a tuple with one size, or (height, width), for each
    block. `conv_mlp` says that published files store the MLP as 1x1 convolutions; the network is
    the same.
    """

    depths: tuple[Depth, ...]  # blocks of each stage
    dims: tuple[Width, ...]  # channels of each stage
    kernel_sizes: tuple[Windows, ...] = (7, 7, 7, 7)  # of the depthwise convolution
    patch_kernels: tuple[Kernel, ...] = (4, 2, 2, 2)  # sides of the kernels that make patches
    patch_strides: tuple[Stride, ...] = (4, 2, 2, 2)  # how much each stage shrinks the map
    patch_pads: tuple[Pad, ...] = (0, 0, 0, 0)  # zeros on each side
    mlp_ratio: Ratio = 4.0  # hidden channels of the MLP, as a multiple of its own
    mlp_hidden: HiddenWidths = None  # of each block of each stage; None: by the ratio
    layer_scale: float = 1e-6  # initial
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    conv_mlp: bool = False  # published files store 1x1 convolutions
    # compute a stage again in the backward pass
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self, "kernel_sizes")


class ConvNeXt(ImageModel):
    """Four stages of depthwise convolution and MLP."""

    layout = STAGED

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        x = Patches(a, 0, LayerNorm, name="stem")(x, examples)
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = self._stage(i, rates)(x, examples)
            features[f"stage{i + 1}"] = x
        features["pooled"] = mean_over_positions(x)
        head = Head(a, self.num_classes, name="head")
        logits, features["prelogits"] = head(features["pooled"], examples)
        return logits, features

    def _stage(self, i: int, rates: Sequence[float]) -> Stage:
        a = self.architecture
        block = maybe_remat(Block, a.remat[i])
        sizes = entries(a, "kernel_sizes", i)
        blocks = [partial(block, a, size) for size in sizes]
        downsample = partial(Patches, a, i, LayerNorm) if i > 0 else None
        return Stage(downsample, blocks, rates, name=f"stages_{i}")

    @nn.nowrap
    def block_windows(self, stage: int, block: int) -> BlockWindows:
        return (("conv_dw", "kernel_sizes", "both"),)


class Block(nn.Module):
    """x + scale * mlp(norm(depthwise(x)))."""

    architecture: ConvNeXtArchitecture
    kernel_size: int | tuple[int, int]
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        y = DepthwiseConv(sides(self.kernel_size), name="conv_dw")(x)
        y = LayerNorm(name="norm")(y)
        mlp = Mlp(a.mlp_ratio, hidden=hidden_width(a, self.path), name="mlp")
        y = scaled(mlp, y, Scale(a.layer_scale, name="gamma"))
        return x + StochasticDepth(self.drop_path)(y, examples)


class Head(nn.Module):
    """Norm, dropout, classifier; returns the normalised features too."""

    architecture: ConvNeXtArchitecture
    classes: int

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> tuple[Array, Array]:
        x = LayerNorm(name="norm")(x)
        dropout = self.architecture.head_dropout
        return classify(x, self.classes, dropout, examples, "fc"), x


@register_family(ConvNeXt, "ConvNeXt, 7x7 depthwise convolution and MLP")
def convnext() -> dict[str, ConvNeXtArchitecture]:
    """Drop path rates are those of the published training on ImageNet-1k."""
    make = ConvNeXtArchitecture
    deep = (3, 3, 27, 3)
    return {
        "convnext_atto": make((2, 2, 6, 2), (40, 80, 160, 320), conv_mlp=True),
        "convnext_tiny": make((3, 3, 9, 3), (96, 192, 384, 768), drop_path_rate=0.1),
        "convnext_small": make(deep, (96, 192, 384, 768), drop_path_rate=0.4),
        "convnext_base": make(deep, (128, 256, 512, 1024), drop_path_rate=0.5),
        "convnext_large": make(deep, (192, 384, 768, 1536), drop_path_rate=0.5),
    }
