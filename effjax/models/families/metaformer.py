"""MetaFormer: PoolFormer, PoolFormerV2, IdentityFormer, RandFormer, ConvFormer, CAFormer.

MetaFormer Is Actually What You Need for Vision, https://arxiv.org/abs/2111.11418
MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452

    images -> stem -> stage 1 -> downsampling -> stage 2 -> ... -> stage 4 -> mean -> head

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass
from functools import partial
from itertools import groupby
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError, nearest
from effjax.models.architecture import check, per_block
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    BatchNorm,
    Conv,
    Dropout,
    LayerNorm,
    Linear,
    Mlp,
    Scale,
    StochasticDepth,
    at_least_float32,
    patches,
    stochastic_depth_rates,
    uniform_init,
)
from effjax.models.blocks.mixers import MIXERS
from effjax.models.blocks.scan import Drops, scan_blocks
from effjax.models.registry import register


@dataclass(frozen=True)
class MetaFormerArchitecture:
    """A MetaFormer; one entry for each stage where a field is a tuple.

    An entry of `mixers` (names in `effjax.models.MIXERS`) or `kernel_sizes` (local windows)
    may itself be a tuple with one value for each block; a block's window may then be (height,
    width). None stands for: no such scale. `norm` is that of blocks; `skips` and `channel_mlp` can
    be taken away to see what they are worth. `scan` compiles equal neighbours among the blocks
    once (not where batch norm keeps averages); variables and results are the same.
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    mixers: tuple[str | tuple[str, ...], ...]
    kernel_sizes: tuple[int | tuple[int | tuple[int, int], ...], ...] = (7, 7, 7, 7)
    patch_kernels: tuple[int, ...] = (7, 3, 3, 3)
    patch_strides: tuple[int, ...] = (4, 2, 2, 2)
    patch_pads: tuple[int, ...] = (2, 1, 1, 1)
    patch_norm: bool = True
    patch_init: Literal["normal", "uniform"] = "normal"
    norm: Literal["layer", "group", "batch", "none"] = "layer"
    norm_eps: float = 1e-6
    norm_bias: bool = False
    mlp_ratio: float = 4.0
    mlp_activation: Literal["gelu", "relu", "squared_relu", "silu", "star_relu"] = "star_relu"
    mlp_bias: bool = False
    layer_scale: tuple[float | None, ...] = (None, None, None, None)
    residual_scale: tuple[float | None, ...] = (None, None, 1.0, 1.0)
    skips: bool = True
    channel_mlp: bool = True
    head: Literal["linear", "mlp", "published"] = "linear"
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: tuple[bool, ...] = (False, False, False, False)
    scan: bool = False

    def __post_init__(self) -> None:
        check(self, "kernel_sizes")
        for stage, depth in enumerate(self.depths):
            for mixer in per_block(self.mixers[stage], depth, "mixers"):
                if mixer not in MIXERS:
                    raise UserError(f"unknown token mixer {mixer!r}: {nearest(mixer, MIXERS)}")


class MetaFormer(ImageModel):
    """Four stages of blocks that mix tokens, then channels."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        features = {}
        x = Stem(a, name="stem")(x)
        for i, drop_path in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = Stage(a, i, drop_path, self.batch_axis, name=f"stages_{i}")(x, examples)
            features[f"stage{i + 1}"] = x
        logits, of_head = Head(a, self.num_classes, name="head")(x, examples)
        return logits, features | of_head


class Stem(nn.Module):
    """Overlapping patches: a strided convolution, then a norm."""

    architecture: MetaFormerArchitecture

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        x = metaformer_patches(self.architecture, 0)(x)
        return LayerNorm(use_bias=False, name="norm")(x) if self.architecture.patch_norm else x


class Downsampling(nn.Module):
    """A norm, then a strided convolution."""

    architecture: MetaFormerArchitecture
    stage: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        if self.architecture.patch_norm:
            x = LayerNorm(use_bias=False, name="norm")(x)
        return metaformer_patches(self.architecture, self.stage)(x)


def metaformer_patches(a: MetaFormerArchitecture, stage: int) -> Conv:
    """Patches with weights drawn as `patch_init` says; "uniform" is PyTorch's own default."""
    if a.patch_init == "normal":
        return patches(a, stage)
    channels = a.dims[stage - 1] if stage > 0 else a.in_chans
    uniform = uniform_init((a.patch_kernels[stage] ** 2 * channels) ** -0.5)
    return patches(a, stage, kernel_init=uniform, bias_init=uniform)


class Stage(nn.Module):
    """Downsampling (from the second stage on), then the blocks."""

    architecture: MetaFormerArchitecture
    stage: int
    drop_path: tuple[float, ...]
    batch_axis: str | None = None

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a, i = self.architecture, self.stage
        if i > 0:
            x = Downsampling(a, i, name="downsample")(x)
        block = nn.remat(Block) if a.remat[i] else Block
        mixers = per_block(a.mixers[i], a.depths[i], "mixers")
        sizes = per_block(a.kernel_sizes[i], a.depths[i], "kernel_sizes")
        scans = a.scan and a.norm != "batch" and not self.is_initializing()
        j = 0
        for (mixer, size), group in groupby(zip(mixers, sizes, strict=True)):
            rates = self.drop_path[j : j + len(list(group))]
            if scans and len(rates) > 1:
                one = Block(a, i, mixer, size, 0.0, parent=None)
                x = scan_blocks(self, one, j, rates, a.remat[i], x, examples)
            else:
                for k, rate in enumerate(rates, j):
                    name = f"blocks_{k}"
                    x = block(a, i, mixer, size, rate, self.batch_axis, name=name)(x, examples)
            j += len(rates)
        return x


class Block(nn.Module):
    """Mix tokens, then mix channels, each after a norm and beside a skip connection."""

    architecture: MetaFormerArchitecture
    stage: int
    mixer: str
    kernel_size: int | tuple[int, int]
    drop_path: float
    batch_axis: str | None = None

    @nn.compact
    def __call__(
        self, x: jax.Array, examples: jax.Array | None, drops: Drops | None = None
    ) -> jax.Array:
        a = self.architecture
        token_mixer = MIXERS[self.mixer](self.kernel_size, name="token_mixer")
        mlp = Mlp(a.mlp_ratio, a.mlp_activation, a.mlp_bias, name="mlp")

        def residual(n: int, skip: jax.Array, branch: jax.Array) -> jax.Array:
            given = drops and (drops[0], drops[1][n - 1])
            branch = StochasticDepth(self.drop_path)(branch, examples, given)
            if (init := a.layer_scale[self.stage]) is not None:
                branch = Scale(init, name=f"layer_scale{n}")(branch)
            if (init := a.residual_scale[self.stage]) is not None:
                skip = Scale(init, name=f"res_scale{n}")(skip)
            return skip + branch if a.skips else branch

        x = residual(1, x, token_mixer(self._norm(x, examples, "norm1")))
        return residual(2, x, mlp(self._norm(x, examples, "norm2"))) if a.channel_mlp else x

    def _norm(self, x: jax.Array, examples: jax.Array | None, name: str) -> jax.Array:
        a = self.architecture
        if a.norm == "none":
            return x
        if a.norm == "batch":
            return BatchNorm(self.batch_axis, name=name)(x, examples is not None)
        over = (-1,) if a.norm == "layer" else (-3, -2, -1)
        return LayerNorm(a.norm_eps, a.norm_bias, over, name=name)(x)


class Head(nn.Module):
    """Mean over positions, norm, classifier; `published` has PoolFormer's norm before the mean."""

    architecture: MetaFormerArchitecture
    classes: int

    @nn.compact
    def __call__(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        x = at_least_float32(x)
        pooled = x.mean((1, 2))  # [B, C]
        if a.head == "published":
            prelogits = LayerNorm(1e-5, over=(-3, -2, -1), name="norm")(x).mean((1, 2))
        else:
            prelogits = LayerNorm(name="norm")(pooled)
        features = {"pooled": pooled, "prelogits": prelogits}
        if self.classes == 0:
            return prelogits, features
        if a.head == "mlp":
            return MlpHead(self.classes, a.head_dropout, name="fc")(prelogits, examples), features
        prelogits = Dropout(a.head_dropout)(prelogits, examples)
        return Linear(self.classes, name="fc")(prelogits), features


class MlpHead(nn.Module):
    """The classifier of ConvFormer and CAFormer: linear, squared ReLU, norm, dropout, linear."""

    classes: int
    dropout: float = 0.0
    ratio: float = 4.0

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        x = Linear(int(self.ratio * x.shape[-1]), name="fc1")(x)
        x = jnp.square(jax.nn.relu(x))
        x = LayerNorm(name="norm")(x)
        x = Dropout(self.dropout)(x, examples)
        return Linear(self.classes, name="fc2")(x)


_group_norm = partial(MetaFormerArchitecture, norm="group", kernel_sizes=(3, 3, 3, 3))
_poolformer = partial(
    _group_norm,
    mixers=("pooling",) * 4,
    patch_norm=False,
    patch_init="uniform",
    norm_eps=1e-5,
    norm_bias=True,
    mlp_activation="gelu",
    mlp_bias=True,
    residual_scale=(None,) * 4,
)
_poolformerv2 = partial(_group_norm, mixers=("pooling",) * 4)
_identityformer = partial(_group_norm, mixers=("identity",) * 4)
_randformer = partial(_group_norm, mixers=("identity", "identity", "random", "random"))
_convformer = partial(MetaFormerArchitecture, mixers=("separable_conv",) * 4, head="mlp")
_caformer = partial(_convformer, mixers=("separable_conv",) * 2 + ("attention",) * 2)

_small, _medium = (64, 128, 320, 512), (96, 192, 384, 768)
# size: depths, dims, layer scale of the first PoolFormer, drop path, drop path of RandFormer
_pool_sizes = {
    "s12": ((2, 2, 6, 2), _small, 1e-5, 0.1, 0.1),
    "s24": ((4, 4, 12, 4), _small, 1e-5, 0.1, 0.1),
    "s36": ((6, 6, 18, 6), _small, 1e-6, 0.2, 0.2),
    "m36": ((6, 6, 18, 6), _medium, 1e-6, 0.3, 0.3),
    "m48": ((8, 8, 24, 8), _medium, 1e-6, 0.4, 0.3),
}
# size: depths, dims, drop path of ConvFormer, drop path and head dropout of CAFormer
_conv_sizes = {
    "s18": ((3, 3, 9, 3), (64, 128, 320, 512), 0.2, 0.15, 0.0),
    "s36": ((3, 12, 18, 3), (64, 128, 320, 512), 0.3, 0.3, 0.4),
    "m36": ((3, 12, 18, 3), (96, 192, 384, 576), 0.4, 0.4, 0.4),
    "b36": ((3, 12, 18, 3), (128, 256, 512, 768), 0.6, 0.6, 0.5),
}


def _register(family: str, size: str, text: str, architecture: MetaFormerArchitecture) -> None:
    register(f"{family}_{size}", f"MetaFormer, {text}", MetaFormer, architecture)


for _size, (_depths, _dims, _scale, _rate, _rand_rate) in _pool_sizes.items():
    _shape = {"depths": _depths, "dims": _dims, "drop_path_rate": _rate}
    _first = _poolformer(**_shape, layer_scale=(_scale,) * 4)
    _rand = _randformer(**_shape | {"drop_path_rate": _rand_rate})
    _register("poolformer", _size, "pooling, layer scale, GELU", _first)
    _register("poolformerv2", _size, "pooling, StarReLU", _poolformerv2(**_shape))
    _register("identityformer", _size, "no token mixing", _identityformer(**_shape))
    _register("randformer", _size, "frozen random mixing in stages 3 and 4", _rand)

for _size, (_depths, _dims, _conv_rate, _ca_rate, _dropout) in _conv_sizes.items():
    _conv = _convformer(_depths, _dims, drop_path_rate=_conv_rate)
    _ca = _caformer(_depths, _dims, drop_path_rate=_ca_rate, head_dropout=_dropout)
    _register("convformer", _size, "separable convolution", _conv)
    _register("caformer", _size, "separable convolution, then attention in stages 3 and 4", _ca)
