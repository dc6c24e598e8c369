"""InceptionNeXt: When Inception Meets ConvNeXt, https://arxiv.org/abs/2303.16900.

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.models.architecture import check, per_block, sides
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    BatchNorm,
    DepthwiseConv,
    Dropout,
    LayerNorm,
    Linear,
    Mlp,
    Scale,
    StochasticDepth,
    at_least_float32,
    gelu,
    patches,
    stochastic_depth_rates,
)
from effjax.models.registry import register


@dataclass(frozen=True)
class InceptionNeXtArchitecture:
    """An InceptionNeXt; one entry for each stage where a field is a tuple.

    Each of the three convolution branches takes `branch_ratio` of the channels: a square kernel and
    two bands, whose sizes may be given for each block: a square kernel's as a size or (height,
    width), the bands' as one size for both or (the high one's, the wide one's).
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    branch_ratio: float = 1 / 8
    square_kernels: tuple[int | tuple[int | tuple[int, int], ...], ...] = (3, 3, 3, 3)
    band_kernels: tuple[int | tuple[int | tuple[int, int], ...], ...] = (11, 11, 11, 11)
    mlp_ratios: tuple[float, ...] = (4.0, 4.0, 4.0, 3.0)
    patch_kernels: tuple[int, ...] = (4, 2, 2, 2)
    patch_strides: tuple[int, ...] = (4, 2, 2, 2)
    patch_pads: tuple[int, ...] = (0, 0, 0, 0)
    layer_scale: float = 1e-6
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self, "square_kernels", "band_kernels")


class InceptionNeXt(ImageModel):
    """Four stages of MetaNeXt blocks: mix tokens, normalise, mix channels, in one residual."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        features = {}
        x = Stem(a, self.batch_axis, name="stem")(x, examples)
        for i, drop_path in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = Stage(a, self.batch_axis, i, drop_path, name=f"stages_{i}")(x, examples)
            features[f"stage{i + 1}"] = x
        features["pooled"] = at_least_float32(x).mean((1, 2))
        logits, hidden = Head(a, self.num_classes, name="head")(features["pooled"], examples)
        return logits, features | {"prelogits": hidden}


class Stem(nn.Module):
    """Patches, then a norm."""

    architecture: InceptionNeXtArchitecture
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        x = patches(self.architecture, 0)(x)
        return BatchNorm(self.batch_axis, name="norm")(x, examples is not None)


class Downsampling(nn.Module):
    """A norm, then patches."""

    architecture: InceptionNeXtArchitecture
    batch_axis: str | None
    stage: int

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        x = BatchNorm(self.batch_axis, name="norm")(x, examples is not None)
        return patches(self.architecture, self.stage)(x)


class Stage(nn.Module):
    """Downsampling (from the second stage on), then the blocks."""

    architecture: InceptionNeXtArchitecture
    batch_axis: str | None
    stage: int
    drop_path: tuple[float, ...]

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a, i = self.architecture, self.stage
        if i > 0:
            x = Downsampling(a, self.batch_axis, i, name="downsample")(x, examples)
        block = nn.remat(Block) if a.remat[i] else Block
        squares = per_block(a.square_kernels[i], a.depths[i], "square_kernels")
        bands = per_block(a.band_kernels[i], a.depths[i], "band_kernels")
        for j, (square, band, rate) in enumerate(zip(squares, bands, self.drop_path, strict=True)):
            x = block(a, self.batch_axis, i, square, band, rate, name=f"blocks_{j}")(x, examples)
        return x


class Block(nn.Module):
    """x + scale * mlp(norm(mixer(x)))."""

    architecture: InceptionNeXtArchitecture
    batch_axis: str | None
    stage: int
    square: int | tuple[int, int]
    band: int | tuple[int, int]
    drop_path: float

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a = self.architecture
        y = InceptionMixer(a.branch_ratio, self.square, self.band, name="token_mixer")(x)
        y = BatchNorm(self.batch_axis, name="norm")(y, examples is not None)
        y = Mlp(a.mlp_ratios[self.stage], name="mlp")(y)
        y = Scale(a.layer_scale, name="gamma")(y)
        return x + StochasticDepth(self.drop_path)(y, examples)


class InceptionMixer(nn.Module):
    """Depthwise kernels of four shapes on four groups of channels: none, square, wide, high."""

    branch_ratio: float
    square: int | tuple[int, int]
    band: int | tuple[int, int]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        group = int(channels * self.branch_ratio)
        ends = [channels - n * group for n in (3, 2, 1)]
        kept, square, wide, high = jnp.split(x, ends, axis=-1)
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
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        hidden = gelu(Linear(3 * x.shape[-1], name="fc1")(x))
        hidden = LayerNorm(name="norm")(hidden)
        if self.classes == 0:
            return hidden, hidden
        dropped = Dropout(self.architecture.head_dropout)(hidden, examples)
        return Linear(self.classes, name="fc2")(dropped), hidden


_deep = (3, 3, 27, 3)
_sizes = {
    "atto": InceptionNeXtArchitecture(
        (2, 2, 6, 2), (40, 80, 160, 320), 1 / 4, band_kernels=(9, 9, 9, 9), drop_path_rate=0.1
    ),
    "tiny": InceptionNeXtArchitecture((3, 3, 9, 3), (96, 192, 384, 768), drop_path_rate=0.1),
    "small": InceptionNeXtArchitecture(_deep, (96, 192, 384, 768), drop_path_rate=0.3),
    "base": InceptionNeXtArchitecture(_deep, (128, 256, 512, 1024), drop_path_rate=0.4),
}
for _size, _architecture in _sizes.items():
    _text = "InceptionNeXt, square and band kernels in parallel branches"
    register(f"inception_next_{_size}", _text, InceptionNeXt, _architecture)
