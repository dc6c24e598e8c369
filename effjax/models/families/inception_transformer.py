"""Inception Transformer, https://arxiv.org/abs/2205.12956 (its authors call it iFormer).

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError
from effjax.models.architecture import check, per_block
from effjax.models.base import ImageModel
from effjax.models.blocks.layers import (
    BatchNorm,
    Conv,
    DepthwiseConv,
    Dropout,
    LayerNorm,
    Linear,
    Mlp,
    Scale,
    StochasticDepth,
    at_least_float32,
    gelu,
    normal_init,
    stochastic_depth_rates,
)
from effjax.models.blocks.mixers import attend
from effjax.models.blocks.positions import resize_map
from effjax.models.registry import register

HEAD_DIM = 32


@dataclass(frozen=True)
class InceptionTransformerArchitecture:
    """An Inception Transformer; one entry for each stage where a field is a tuple.

    `attention_heads` (of 32 channels each, the other channels go through convolution and max
    pooling) and the kernel sizes may be given for each block. `attention_pools` is the stride by
    which tokens are averaged before attention. None stands for: no layer scale.
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    attention_heads: tuple[int | tuple[int, ...], ...]
    attention_pools: tuple[int, ...] = (2, 2, 1, 1)
    kernel_sizes: tuple[int | tuple[int, ...], ...] = (3, 3, 3, 3)
    fuse_kernel_sizes: tuple[int | tuple[int, ...], ...] = (3, 3, 3, 3)
    mlp_ratio: float = 4.0
    layer_scale: tuple[float | None, ...] = (None, None, 1e-6, 1e-6)
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: tuple[bool, ...] = (False, False, False, False)

    def __post_init__(self) -> None:
        check(self, "kernel_sizes", "fuse_kernel_sizes")
        for stage, depth in enumerate(self.depths):
            for heads in per_block(self.attention_heads[stage], depth, "attention_heads"):
                if not 0 < HEAD_DIM * heads < self.dims[stage]:
                    raise UserError(
                        f"attention_heads={heads} of {HEAD_DIM} channels leave nothing of the "
                        f"{self.dims[stage]} channels of stage {stage + 1} for convolution"
                    )


class InceptionTransformer(ImageModel):
    """Four stages of blocks whose channels split into high and low frequencies."""

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a = self.architecture
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            x = self._embed(x, i, examples is not None)
            block = nn.remat(Block) if a.remat[i] else Block
            for j, rate in enumerate(rates):
                x = block(a, i, j, rate, name=f"blocks{i + 1}_{j}")(x, examples)
            features[f"stage{i + 1}"] = x
        x = at_least_float32(x)
        prelogits = LayerNorm(name="norm")(x).mean((1, 2))
        features |= {"pooled": x.mean((1, 2)), "prelogits": prelogits}
        if self.num_classes == 0:
            return prelogits, features
        dropped = Dropout(a.head_dropout)(prelogits, examples)
        return Linear(self.num_classes, name="head")(dropped), features

    def _embed(self, x: jax.Array, stage: int, train: bool) -> jax.Array:
        """Patches of a stage, with learned positions; these fit any grid by interpolation."""
        name = "patch_embed" if stage == 0 else f"patch_embed{stage + 1}"
        embedding = Stem if stage == 0 else Downsampling
        x = embedding(self.architecture.dims[stage], self.batch_axis, name=name)(x, train)
        name = f"pos_embed{stage + 1}"
        known = self.get_variable("params", name)
        shape = (1, *x.shape[1:]) if known is None else known.shape
        positions = self.param(name, normal_init, shape)
        return x + resize_map(positions, (1, *x.shape[1:])).astype(x.dtype)


class Stem(nn.Module):
    """Two strided convolutions, a norm after each."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = Conv(self.dim // 2, (3, 3), 2, 1, name="proj1")(x)
        x = gelu(BatchNorm(self.batch_axis, name="norm1")(x, train))
        x = Conv(self.dim, (3, 3), 2, 1, name="proj2")(x)
        return BatchNorm(self.batch_axis, name="norm2")(x, train)


class Downsampling(nn.Module):
    """A strided convolution and a norm."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = Conv(self.dim, (3, 3), 2, 1, name="proj")(x)
        return BatchNorm(self.batch_axis, name="norm")(x, train)


class Block(nn.Module):
    """Mix tokens, then channels, each after a norm and beside a skip connection."""

    architecture: InceptionTransformerArchitecture
    stage: int
    block: int
    drop_path: float

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a, i = self.architecture, self.stage
        heads, kernel, fuse = (
            per_block(getattr(a, field)[i], a.depths[i], field)[self.block]
            for field in ("attention_heads", "kernel_sizes", "fuse_kernel_sizes")
        )
        mixer = InceptionMixer(heads, a.attention_pools[i], kernel, fuse, name="attn")
        mlp = Mlp(a.mlp_ratio, name="mlp")

        def branch(n: int, y: jax.Array) -> jax.Array:
            if a.layer_scale[i] is not None:
                y = Scale(a.layer_scale[i], name=f"layer_scale{n}")(y)
            return StochasticDepth(self.drop_path)(y, examples)

        x = x + branch(1, mixer(LayerNorm(name="norm1")(x)))
        return x + branch(2, mlp(LayerNorm(name="norm2")(x)))


class InceptionMixer(nn.Module):
    """High frequencies through convolution and max pooling, low ones through attention; fuse."""

    heads: int
    pool: int
    kernel_size: int
    fuse_kernel_size: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        high, low = jnp.split(x, [channels - HEAD_DIM * self.heads], axis=-1)
        high = HighMixer(self.kernel_size, name="high_mixer")(high)
        low = LowMixer(self.pool, name="low_mixer")(low)
        y = jnp.concatenate([high, low], axis=-1)
        y = y + DepthwiseConv((self.fuse_kernel_size,) * 2, use_bias=False, name="conv_fuse")(y)
        return Linear(channels, name="proj")(y)


class HighMixer(nn.Module):
    """Half of the channels through a depthwise convolution, half through max pooling: C -> 2C."""

    kernel_size: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        sharp, strong = jnp.split(x, 2, axis=-1)
        sharp = Linear(channels, use_bias=False, name="conv1")(sharp)
        sharp = DepthwiseConv((self.kernel_size,) * 2, use_bias=False, name="proj1")(sharp)
        strong = nn.max_pool(strong, (3, 3), (1, 1), ((1, 1), (1, 1)))
        strong = Linear(channels, name="proj2")(strong)
        return jnp.concatenate([gelu(sharp), gelu(strong)], axis=-1)


class LowMixer(nn.Module):
    """Attention over tokens that are averaged before and repeated after; no output projection."""

    pool: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        batch, height, width, channels = x.shape
        pool = self.pool
        if height % pool or width % pool:
            raise UserError(
                f"a map of {height}x{width} does not divide by attention_pools={pool}: give images "
                f"whose sides divide by {8 * pool}, or set attention_pools"
            )
        x = nn.avg_pool(x, (pool, pool), (pool, pool))
        tokens = x.reshape(batch, -1, channels)
        q, k, v = jnp.split(Linear(3 * channels, name="qkv")(tokens), 3, axis=-1)
        x = attend(q, k, v, HEAD_DIM).reshape(x.shape)
        return x.repeat(pool, axis=1).repeat(pool, axis=2)


_sizes = {
    "small": InceptionTransformerArchitecture(
        (3, 3, 9, 3),
        (96, 192, 320, 384),
        attention_heads=(1, 3, (7,) * 4 + (9,) * 5, 11),
        drop_path_rate=0.2,
    ),
    "base": InceptionTransformerArchitecture(
        (4, 6, 14, 6),
        (96, 192, 384, 512),
        attention_heads=(1, 3, (8,) * 7 + (10,) * 7, 15),
        drop_path_rate=0.4,
    ),
    "large": InceptionTransformerArchitecture(
        (4, 6, 18, 8),
        (96, 192, 448, 640),
        attention_heads=(1, 3, (10,) * 9 + (12,) * 9, 19),
        drop_path_rate=0.5,
    ),
}
for _size, _architecture in _sizes.items():
    _text = "Inception Transformer, convolution and max pooling beside attention"
    register(f"inception_transformer_{_size}", _text, InceptionTransformer, _architecture)
