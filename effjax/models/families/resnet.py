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
from effjax.models.base import Features, ImageModel
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import StochasticDepth, stochastic_depth_rates
from effjax.models.blocks.initialisers import fan_out_init, ones_init, uniform_init, zeros_init
from effjax.models.blocks.layers import Conv
from effjax.models.blocks.norms import BatchNorm
from effjax.models.blocks.stages import in_a_row, maybe_remat
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import Layout
from effjax.models.registry import register_family


@dataclass(frozen=True)
class ResNetArchitecture:
    """A ResNet of `basic` blocks (two 3x3) or bottlenecks (1x1, 3x3, 1x1 with 4 times `dims`)."""

    depths: tuple[Depth, ...]
    block: Literal["basic", "bottleneck"]
    dims: tuple[Width, ...] = (64, 128, 256, 512)
    strides: tuple[Stride, ...] = (1, 2, 2, 2)
    stem_kernel: Kernel = 7
    stem_stride: Stride = 2
    stem_pool: bool = True
    head_dropout: Rate = 0.0
    drop_path_rate: Rate = 0.0
    in_chans: Channels = 3
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
    def forward(self, x: Array, examples: Examples) -> tuple[Array, Features]:
        a = self.architecture
        features = {}
        x = conv(a.dims[0], a.stem_kernel, a.stem_stride, name="conv1")(x)
        x = nn.relu(BatchNorm(self.batch_axis, name="bn1")(x, examples))
        if a.stem_pool:
            # `max_pool` pads with -inf, as PyTorch does.
            x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            block = partial(maybe_remat(Block, a.remat[i]), a, self.batch_axis, a.dims[i])
            # Only the first block of a stage shrinks its map.
            strides = (a.strides[i],) + (1,) * (a.depths[i] - 1)
            blocks = [partial(block, stride) for stride in strides]
            x = in_a_row(blocks, rates, f"layer{i + 1}_{{}}", x, examples)
            features[f"stage{i + 1}"] = x
        pooled = mean_over_positions(x)
        features |= {"pooled": pooled, "prelogits": pooled}
        uniform = uniform_init(pooled.shape[-1] ** -0.5)
        drawn = {"kernel_init": uniform, "bias_init": uniform}
        logits = classify(pooled, self.num_classes, a.head_dropout, examples, "fc", **drawn)
        return logits, features


def conv(features: int, size: int, stride: int = 1, name: str | None = None) -> Conv:
    """A convolution without bias, padded by half its kernel."""
    return Conv(
        features,
        (size, size),
        stride,
        size // 2,
        use_bias=False,
        kernel_init=fan_out_init,
        name=name,
    )


class Block(nn.Module):
    """relu(shortcut(x) + convolutions(x)); the last norm of a branch starts from zero."""

    architecture: ResNetArchitecture
    batch_axis: str | None
    dim: int
    stride: int
    drop_path: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        y = x
        shapes = self._shapes()
        for number, (features, size, stride) in enumerate(shapes, start=1):
            last = number == len(shapes)
            scale_init = zeros_init if last else ones_init
            y = conv(features, size, stride, name=f"conv{number}")(y)
            y = BatchNorm(self.batch_axis, scale_init=scale_init, name=f"bn{number}")(y, examples)
            # The activation of the last convolution comes after the sum.
            y = y if last else nn.relu(y)
        if x.shape != y.shape:
            x = conv(y.shape[-1], 1, self.stride, name="downsample_0")(x)
            x = BatchNorm(self.batch_axis, name="downsample_1")(x, examples)
        return nn.relu(x + StochasticDepth(self.drop_path)(y, examples))

    @nn.nowrap
    def _shapes(self) -> tuple[tuple[int, int, int], ...]:
        """(channels, side of the kernel, stride) of each convolution."""
        dim, stride = self.dim, self.stride
        if self.architecture.block == "basic":
            return (dim, 3, stride), (dim, 3, 1)
        return (dim, 1, 1), (dim, 3, stride), (4 * dim, 1, 1)


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
