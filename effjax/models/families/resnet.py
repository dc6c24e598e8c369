"""ResNet v1.5: Deep Residual Learning, https://arxiv.org/abs/1512.03385.

The stride of a bottleneck is in its 3x3 convolution, as in all present code bases.

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass
from typing import Literal

import jax
from flax import linen as nn

from effjax.models.architecture import check
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    BatchNorm,
    Conv,
    Dropout,
    Linear,
    StochasticDepth,
    at_least_float32,
    fan_out_init,
    stochastic_depth_rates,
    uniform_init,
)
from effjax.models.registry import register


@dataclass(frozen=True)
class ResNetArchitecture:
    """A ResNet of `basic` blocks (two 3x3) or bottlenecks (1x1, 3x3, 1x1 with 4 times `dims`)."""

    depths: tuple[int, ...]
    block: Literal["basic", "bottleneck"]
    dims: tuple[int, ...] = (64, 128, 256, 512)
    strides: tuple[int, ...] = (1, 2, 2, 2)
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_pool: bool = True
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self)


class ResNet(ImageModel):
    """Stem, four stages of residual blocks, mean, linear."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        features = {}
        x = conv(a.dims[0], a.stem_kernel, a.stem_stride, name="conv1")(x)
        x = nn.relu(BatchNorm(self.batch_axis, name="bn1")(x, examples is not None))
        if a.stem_pool:
            x = nn.max_pool(x, (3, 3), (2, 2), ((1, 1), (1, 1)))
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            block = nn.remat(Block) if a.remat[i] else Block
            for j, rate in enumerate(rates):
                stride = a.strides[i] if j == 0 else 1
                name = f"layer{i + 1}_{j}"
                x = block(a, self.batch_axis, a.dims[i], stride, rate, name=name)(x, examples)
            features[f"stage{i + 1}"] = x
        pooled = at_least_float32(x).mean((1, 2))
        features |= {"pooled": pooled, "prelogits": pooled}
        if self.num_classes == 0:
            return pooled, features
        uniform = uniform_init(pooled.shape[-1] ** -0.5)
        classifier = Linear(self.num_classes, kernel_init=uniform, bias_init=uniform, name="fc")
        return classifier(Dropout(a.head_dropout)(pooled, examples)), features


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
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        d, s, train = self.dim, self.stride, examples is not None
        shapes = {
            "basic": ((d, 3, s), (d, 3, 1)),
            "bottleneck": ((d, 1, 1), (d, 3, s), (4 * d, 1, 1)),
        }[self.architecture.block]
        y = x
        for n, (features, size, stride) in enumerate(shapes, start=1):
            last = n == len(shapes)
            scale_init = nn.initializers.zeros if last else nn.initializers.ones
            norm = BatchNorm(self.batch_axis, scale_init=scale_init, name=f"bn{n}")
            y = norm(conv(features, size, stride, name=f"conv{n}")(y), train)
            y = y if last else nn.relu(y)
        if x.shape != y.shape:
            x = conv(y.shape[-1], 1, s, name="downsample_0")(x)
            x = BatchNorm(self.batch_axis, name="downsample_1")(x, train)
        return nn.relu(x + StochasticDepth(self.drop_path)(y, examples))


for _layers, _block, _depths in (
    (18, "basic", (2, 2, 2, 2)),
    (34, "basic", (3, 4, 6, 3)),
    (50, "bottleneck", (3, 4, 6, 3)),
    (101, "bottleneck", (3, 4, 23, 3)),
):
    _text = f"ResNet of {_layers} layers, {_block} blocks"
    register(f"resnet{_layers}", _text, ResNet, ResNetArchitecture(_depths, _block))
