"""The reduced Visformer of SUN: Self-Promoted Supervision, https://arxiv.org/abs/2203.07057.

Visformer itself: https://arxiv.org/abs/2104.12533. A few-shot backbone for images of 80x80.

Shapes: B batch, H W space, C channels, K classes.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.errors import UserError
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
    gelu,
    normal_init,
    stochastic_depth_rates,
)
from effjax.models.blocks.mixers import attend
from effjax.models.blocks.positions import resize_map
from effjax.models.registry import register


@dataclass(frozen=True)
class VisformerArchitecture:
    """A Visformer of three stages; one entry for each stage where a field is a tuple.

    Stages without attention mix tokens by a grouped convolution inside of their MLP.
    """

    depths: tuple[int, ...]
    dims: tuple[int, ...]
    attention: tuple[bool, ...] = (False, True, True)
    mlp_ratios: tuple[int, ...] = (2, 4, 4)
    heads: int = 6
    groups: int = 8
    head_dropout: float = 0.0
    drop_path_rate: float = 0.0
    in_chans: int = 3
    remat: tuple[bool, ...] = (False, False, False)

    def __post_init__(self) -> None:
        check(self)
        for stage, (dim, attends) in enumerate(zip(self.dims, self.attention, strict=True)):
            if attends and dim < self.heads:
                raise UserError(
                    f"dims={self.dims}: the {dim} channels of stage {stage + 1} leave nothing for "
                    f"each of its {self.heads} attention heads; give at least {self.heads}"
                )


class Visformer(ImageModel):
    """Convolutions first, attention later, batch norm everywhere.

    `features` has the normalised last map [B, H, W, C] as "map"; its mean is `prelogits`.
    """

    @nn.compact
    def forward(
        self, x: jax.Array, examples: jax.Array | None
    ) -> tuple[jax.Array, dict[str, jax.Array]]:
        a, train = self.architecture, examples is not None
        features = {}
        for i, rates in enumerate(stochastic_depth_rates(a.drop_path_rate, a.depths)):
            if i == 0:
                x = Stem(a.dims[0], self.batch_axis, name="stem")(x, train)
            else:
                name = f"patch_embed{i + 1}"
                x = PatchEmbedding(a.dims[i], self.batch_axis, name=name)(x, train)
            x = x + self._positions(f"pos_embed{i + 1}", x)
            block = nn.remat(Block) if a.remat[i] else Block
            for j, rate in enumerate(rates):
                name = f"stage{i + 1}_{j}"
                x = block(a, self.batch_axis, i, rate, name=name)(x, examples)
            features[f"stage{i + 1}"] = x
        features["pooled"] = at_least_float32(x).mean((1, 2))
        features["map"] = x = BatchNorm(self.batch_axis, name="norm")(at_least_float32(x), train)
        features["prelogits"] = prelogits = x.mean((1, 2))
        if self.num_classes == 0:
            return prelogits, features
        dropped = Dropout(a.head_dropout)(prelogits, examples)
        return Linear(self.num_classes, name="linear")(dropped), features

    def _positions(self, name: str, x: jax.Array) -> jax.Array:
        """Learned positions of a stage, interpolated where the map has another size."""
        known = self.get_variable("params", name)
        shape = (1, *x.shape[1:]) if known is None else known.shape
        positions = self.param(name, normal_init, shape)
        return resize_map(positions, (1, *x.shape[1:])).astype(x.dtype)


def conv(features: int, size: int, stride: int = 1, groups: int = 1, *, name: str) -> Conv:
    """A convolution without bias, padded by half its kernel."""
    return Conv(
        features,
        (size, size),
        stride,
        size // 2,
        groups,
        use_bias=False,
        kernel_init=fan_out_init,
        name=name,
    )


class Stem(nn.Module):
    """A residual block of three convolutions at stride 2, then max pooling."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        def activate(x: jax.Array) -> jax.Array:
            return nn.leaky_relu(x, 0.1)

        def normalised(name: str, norm: str, y: jax.Array, *args: int) -> jax.Array:
            return BatchNorm(self.batch_axis, name=norm)(conv(*args, name=name)(y), train)

        y = activate(normalised("conv1", "bn1", x, self.dim // 2, 3, 2))
        y = activate(normalised("conv2", "bn2", y, self.dim, 3))
        y = normalised("conv3", "bn3", y, self.dim, 3)
        y = activate(y + normalised("downsample_0", "downsample_1", x, self.dim, 3, 2))
        return nn.max_pool(y, (2, 2), (2, 2))


class PatchEmbedding(nn.Module):
    """Patches of 2x2 and a norm."""

    dim: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        x = Conv(self.dim, (2, 2), 2, kernel_init=fan_out_init, name="proj")(x)
        return BatchNorm(self.batch_axis, name="norm")(x, train)


class Block(nn.Module):
    """Attention where the stage has it, then MLP, each after a norm and beside a skip."""

    architecture: VisformerArchitecture
    batch_axis: str | None
    stage: int
    drop_path: float

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        a, i, train = self.architecture, self.stage, examples is not None
        drop = StochasticDepth(self.drop_path)
        if a.attention[i]:
            y = BatchNorm(self.batch_axis, name="norm1")(x, train)
            x = x + drop(Attention(a.heads, name="attn")(y), examples)
        y = BatchNorm(self.batch_axis, name="norm2")(x, train)
        groups = None if a.attention[i] else a.groups
        return x + drop(ConvMlp(a.mlp_ratios[i], groups, name="mlp")(y), examples)


class Attention(nn.Module):
    """Attention over all positions; heads of floor(C / heads) channels, no biases."""

    heads: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        head_dim = channels // self.heads
        width = 3 * self.heads * head_dim
        tokens = x.reshape(x.shape[0], -1, channels)
        qkv = Linear(width, use_bias=False, kernel_init=fan_out_init, name="qkv")(tokens)
        y = attend(*jnp.split(qkv, 3, axis=-1), head_dim).reshape(*x.shape[:3], -1)
        return Linear(channels, use_bias=False, kernel_init=fan_out_init, name="proj")(y)


class ConvMlp(nn.Module):
    """1x1 convolutions with GELU and, where `groups` is given, a grouped 3x3 between them."""

    ratio: int
    groups: int | None

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels, hidden = x.shape[-1], self.ratio * x.shape[-1]
        x = gelu(Linear(hidden, use_bias=False, kernel_init=fan_out_init, name="conv1")(x))
        if self.groups is not None:
            x = gelu(conv(hidden, 3, groups=self.groups, name="conv2")(x))
        return Linear(channels, use_bias=False, kernel_init=fan_out_init, name="conv3")(x)


register(
    "visformer_micro_80",
    "Visformer of SUN for few-shot learning, images of 80x80",
    Visformer,
    VisformerArchitecture((4, 2, 3), (128, 256, 512), drop_path_rate=0.5),
    (80, 80, 3),
)
