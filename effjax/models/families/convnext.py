"""A ConvNet for the 2020s, https://arxiv.org/abs/2201.03545.

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass

import jax
from flax import linen as nn

from effjax.models.architecture import check, per_block, sides
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    DepthwiseConv,
    Dropout,
    LayerNorm,
    Linear,
    Mlp,
    Scale,
    StochasticDepth,
    at_least_float32,
    patches,
    stochastic_depth_rates,
)
from effjax.models.registry import register


@dataclass(frozen=True)
class ConvNeXtArchitecture:
    """A ConvNeXt; one entry for each stage where a field is a tuple.

    An entry of `kernel_sizes` may itself be a tuple with one size, or (height, width), for each
    block. `conv_mlp` says that published files store the MLP as 1x1 convolutions; the network is
    the same.
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    kernel_sizes: tuple[int | tuple[int | tuple[int, int], ...], ...] = (7, 7, 7, 7)
    patch_kernels: tuple[int, ...] = (4, 2, 2, 2)
    patch_strides: tuple[int, ...] = (4, 2, 2, 2)
    patch_pads: tuple[int, ...] = (0, 0, 0, 0)
    mlp_ratio: float = 4.0
    layer_scale: float = 1e-6
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    conv_mlp: bool = False
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self, "kernel_sizes")


class ConvNeXt(ImageModel):
    """Four stages of depthwise convolution and MLP."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        features = {}
        x = Stem(a, name="stem")(x)
        for i, drop_path in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = Stage(a, i, drop_path, name=f"stages_{i}")(x, examples)
            features[f"stage{i + 1}"] = x
        features["pooled"] = at_least_float32(x).mean((1, 2))
        logits, prelogits = Head(a, self.num_classes, name="head")(features["pooled"], examples)
        return logits, features | {"prelogits": prelogits}


class Stem(nn.Module):
    """Patches, then a norm."""

    architecture: ConvNeXtArchitecture

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return LayerNorm(name="norm")(patches(self.architecture, 0)(x))


class Downsampling(nn.Module):
    """A norm, then patches."""

    architecture: ConvNeXtArchitecture
    stage: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return patches(self.architecture, self.stage)(LayerNorm(name="norm")(x))


class Stage(nn.Module):
    """Downsampling (from the second stage on), then the blocks."""

    architecture: ConvNeXtArchitecture
    stage: int
    drop_path: tuple[float, ...]

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a, i = self.architecture, self.stage
        if i > 0:
            x = Downsampling(a, i, name="downsample")(x)
        block = nn.remat(Block) if a.remat[i] else Block
        sizes = per_block(a.kernel_sizes[i], a.depths[i], "kernel_sizes")
        for j, (size, rate) in enumerate(zip(sizes, self.drop_path, strict=True)):
            x = block(a, size, rate, name=f"blocks_{j}")(x, examples)
        return x


class Block(nn.Module):
    """x + scale * mlp(norm(depthwise(x)))."""

    architecture: ConvNeXtArchitecture
    kernel_size: int | tuple[int, int]
    drop_path: float

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a = self.architecture
        y = DepthwiseConv(sides(self.kernel_size), name="conv_dw")(x)
        y = LayerNorm(name="norm")(y)
        y = Mlp(a.mlp_ratio, name="mlp")(y)
        y = Scale(a.layer_scale, name="gamma")(y)
        return x + StochasticDepth(self.drop_path)(y, examples)


class Head(nn.Module):
    """Norm, dropout, classifier; returns the normalised features too."""

    architecture: ConvNeXtArchitecture
    classes: int

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        x = LayerNorm(name="norm")(x)
        if self.classes == 0:
            return x, x
        dropped = Dropout(self.architecture.head_dropout)(x, examples)
        return Linear(self.classes, name="fc")(dropped), x


_deep = (3, 3, 27, 3)
_sizes = {
    "atto": ConvNeXtArchitecture((2, 2, 6, 2), (40, 80, 160, 320), conv_mlp=True),
    "tiny": ConvNeXtArchitecture((3, 3, 9, 3), (96, 192, 384, 768), drop_path_rate=0.1),
    "small": ConvNeXtArchitecture(_deep, (96, 192, 384, 768), drop_path_rate=0.4),
    "base": ConvNeXtArchitecture(_deep, (128, 256, 512, 1024), drop_path_rate=0.5),
    "large": ConvNeXtArchitecture(_deep, (192, 384, 768, 1536), drop_path_rate=0.5),
}
for _size, _architecture in _sizes.items():
    _text = "ConvNeXt, 7x7 depthwise convolution and MLP"
    register(f"convnext_{_size}", _text, ConvNeXt, _architecture)
