"""ResNet v1.5: Deep Residual Learning, https://arxiv.org/abs/1512.03385.

The stride of a bottleneck is in its 3x3 convolution, as in all present code bases.

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass
from functools import partial
from typing import Literal

from flax import linen as nn
from jax import Array

from effjax.models.architecture import (
    Channels,
    Depth,
    Kernel,
    Rate,
    Stride,
    Width,
    check,
)
from effjax.models.base import ImageModel, Outputs
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.initialisers import ones_init, uniform_init, zeros_init
from effjax.models.blocks.layers import max_pool_3x3, padded_conv
from effjax.models.blocks.mlp import place_of
from effjax.models.blocks.norms import BatchNorm
from effjax.models.blocks.recompute import maybe_remat
from effjax.models.blocks.stages import in_a_row
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import Layout
from effjax.models.registry import register_family


@dataclass(frozen=True)
class ResNetArchitecture:
    """A ResNet of `basic` blocks (two 3x3) or bottlenecks (1x1, 3x3, 1x1 with 4 times `dims`)."""

    depths: tuple[Depth, ...]  # blocks of each stage
    block: Literal["basic", "bottleneck"]  # two 3x3, or 1x1, 3x3, 1x1
    dims: tuple[Width, ...] = (64, 128, 256, 512)  # of the 3x3 convolutions
    strides: tuple[Stride, ...] = (1, 2, 2, 2)  # of the first block of each stage
    stem_kernel: Kernel = 7  # side
    stem_stride: Stride = 2  # of its convolution
    stem_pool: bool = True  # max pooling of stride 2 after it
    stem_width: Width | None = None  # channels of the stem; None: the first of `dims`
    widths: tuple[Width, ...] | None = None  # that leave each stage; None: by `dims` and `block`
    # between the convolutions of each block of each stage; None: by `dims`
    inner_widths: tuple[tuple[tuple[Width, ...], ...], ...] | None = None
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # stochastic depth of the last block; 0 in the first
    in_chans: Channels = 3  # 3 for colour images
    # compute a stage again in the backward pass
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self)


class ResNet(ImageModel):
    """Stem, four stages of residual blocks, mean, linear."""

    layout = Layout(
        stem=("conv1", "bn1"),
        block="layer{stage}_{block}",
        head=("fc",),
        first_stage=1,
    )

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        features = {}
        x = maybe_remat(ResNet._stem, False)(self, x, examples)
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            block = maybe_remat(Block, a.remat[i])
            plain = partial(block, a, self.batch_axis, i, 1)
            # Only the first block of a stage shrinks its map.
            shrinking = partial(block, a, self.batch_axis, i, a.strides[i])
            blocks = [shrinking] + [plain] * (a.depths[i] - 1)
            x = in_a_row(blocks, rates, f"layer{i + 1}_{{}}", x, examples)
            features[f"stage{i + 1}"] = x
        pooled = mean_over_positions(x)
        features |= {"pooled": pooled, "prelogits": pooled}
        uniform = uniform_init(pooled.shape[-1] ** -0.5)
        drawn = {"kernel_init": uniform, "bias_init": uniform}
        logits = classify(pooled, self.num_classes, a.head_dropout, examples, "fc", **drawn)
        return logits, features

    def _stem(self, x: Array, examples: Examples) -> Array:
        a = self.architecture
        conv = padded_conv(a.stem_width or a.dims[0], a.stem_kernel, a.stem_stride, name="conv1")
        norm = BatchNorm(self.batch_axis, name="bn1")
        x = nn.relu(norm(conv(x), examples))
        return max_pool_3x3(x, stride=2) if a.stem_pool else x


class Block(nn.Module):
    """relu(shortcut(x) + convolutions(x)); the last norm of a branch starts from zero."""

    architecture: ResNetArchitecture
    batch_axis: str | None
    stage: int
    stride: int
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        y = x
        shapes = self._shapes()
        for number, (features, size, stride) in enumerate(shapes, start=1):
            last = number == len(shapes)
            scale_init = zeros_init if last else ones_init
            conv = padded_conv(features, size, stride, name=f"conv{number}")
            norm = BatchNorm(self.batch_axis, scale_init=scale_init, name=f"bn{number}")
            y = norm(conv(y), examples)
            # The activation of the last convolution comes after the sum.
            y = y if last else nn.relu(y)
        if x.shape != y.shape:
            # The shortcut is fitted to the branch: its channels, and its stride.
            conv = padded_conv(y.shape[-1], 1, self.stride, name="downsample_0")
            norm = BatchNorm(self.batch_axis, name="downsample_1")
            x = norm(conv(x), examples)
        return nn.relu(x + StochasticDepth(self.drop_path)(y, examples))

    def _shapes(self) -> tuple[tuple[int, int, int], ...]:
        """(channels, side of the kernel, stride) of each convolution."""
        a = self.architecture
        stage = self.stage
        stride = self.stride
        dim = a.dims[stage]
        basic = a.block == "basic"
        width = dim if basic else 4 * dim
        if a.widths is not None:
            width = a.widths[stage]
        inner = (dim,) if basic else (dim, dim)
        if a.inner_widths is not None:
            _, block = place_of(self.path)
            inner = a.inner_widths[stage][block]
        if basic:
            (first,) = inner
            return (first, 3, stride), (width, 3, 1)
        first, second = inner
        return (first, 1, 1), (second, 3, stride), (width, 1, 1)


@register_family(ResNet, "ResNet v1.5, basic blocks or bottlenecks")
def resnet() -> dict[str, ResNetArchitecture]:
    """The number counts layers: the convolutions of all blocks, the stem and the classifier."""
    make = ResNetArchitecture
    return {
        "resnet18": make((2, 2, 2, 2), "basic"),
        "resnet34": make((3, 4, 6, 3), "basic"),
        "resnet50": make((3, 4, 6, 3), "bottleneck"),
        "resnet101": make((3, 4, 23, 3), "bottleneck"),
    }
