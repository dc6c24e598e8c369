"""A small generator and its critic, of plain convolutions.

The generator is shifted and scaled by its noise and label in each block, as in BigGAN
(https://arxiv.org/abs/1809.11096); the critic compares an image with its label by an inner product
(projection, https://arxiv.org/abs/1802.05637).
Shapes: B batch, H W space, C channels, K classes, Z numbers of noise, D features.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Channels, Rate, Width, check
from effjax.models.blocks.adaln import LabelEmbedding
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import Dropout
from effjax.models.blocks.initialisers import ones_init
from effjax.models.blocks.layers import Conv, Linear, at_least_float32, per_channel
from effjax.models.network import Network
from effjax.models.registry import register_family
from effjax.ranges import Count

he_init = nn.initializers.variance_scaling(2.0, "fan_in", "normal")
plain_init = nn.initializers.variance_scaling(1.0, "fan_in", "normal")
LEAK = 0.2  # of the ReLU
EPS = 1e-6


def leaky(x: Array) -> Array:
    """A ReLU that lets a fifth of what is below 0 through."""
    return jax.nn.leaky_relu(x, LEAK)


# ---------------------------------------------------------------------------------- generator


@dataclass(frozen=True)
class ConvGeneratorArchitecture:
    """A map for each entry of `widths`, from the smallest; each has twice the sides of the last."""

    widths: tuple[Width, ...] = (128, 64, 32, 16)  # channels of each map
    latent: Count = 64  # numbers of noise
    label_width: Width = 32  # of a label's embedding, beside the noise
    in_chans: Channels = 3  # of an image
    image_size: Count = 32  # its side

    def __post_init__(self) -> None:
        check(self)
        doublings = len(self.widths) - 1
        if self.image_size % 2**doublings:
            raise UserError(
                f"image_size={self.image_size} cannot be reached by {doublings} doublings: give a "
                f"multiple of {2**doublings}, or fewer widths"
            )

    @property
    def start_side(self) -> int:
        """Side of the smallest map."""
        return self.image_size // 2 ** (len(self.widths) - 1)


class PixelNorm(nn.Module):
    """Each pixel's channels have a mean square of 1, times a learned scale."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        wide = at_least_float32(x)
        size = jnp.square(wide).mean(-1, keepdims=True)
        normal = wide * jax.lax.rsqrt(size + EPS)
        scale = self.param("scale", ones_init, (x.shape[-1],))
        return (normal * per_channel(scale, normal)).astype(x.dtype)


class GrowingBlock(nn.Module):
    """Twice the sides, convolution, norm, scale and shift by the condition, leaky ReLU."""

    width: int
    grows: bool = True

    @nn.compact
    def __call__(self, x: Array, c: Array) -> Array:
        """x [B, H, W, C], c [B, D] -> [B, 2H, 2W, width]."""
        if self.grows:
            x = x.repeat(2, axis=1).repeat(2, axis=2)  # nearest neighbour
        h = Conv(self.width, (3, 3), 1, 1, kernel_init=he_init, name="conv")(x)
        h = PixelNorm(name="norm")(h)
        linear = Linear(2 * self.width, kernel_init=plain_init, name="condition")
        both = linear(c).astype(h.dtype)[:, None, None]  # [B, 1, 1, 2 width]
        scale, shift = jnp.split(both, 2, axis=-1)
        # 1 + scale: a condition of zeros changes nothing
        return leaky(h * (1 + scale) + shift)


class ConvGenerator(Network):
    """noise [B, Z], labels [B] -> images [B, H, W, C] in [-1, 1]."""

    kind: ClassVar[str] = "generator"

    @nn.compact
    def __call__(self, noise: Array, labels: Array | None = None) -> Array:
        """float32; without classes the labels are not looked at."""
        a = self.architecture
        if noise.shape[-1] != a.latent:
            raise UserError(
                f"{type(self).__name__} makes images of noise [B, {a.latent}], not of "
                f"{list(noise.shape)}\ntrain it with --config.task.name=adversarial"
            )
        c = noise.astype(self.dtype)
        if self.num_classes:
            embedding = LabelEmbedding(self.num_classes, a.label_width, name="y_embedder")
            # drawn with 0.02; noise has a deviation of 1
            label = embedding(labels) / 0.02
            c = jnp.concatenate([c, label.astype(self.dtype)], axis=-1)
        side = a.start_side
        x = Linear(side * side * a.widths[0], kernel_init=plain_init, name="stem")(c)
        x = x.reshape(-1, side, side, a.widths[0])
        for number, width in enumerate(a.widths):
            x = GrowingBlock(width, grows=number > 0, name=f"blocks_{number}")(x, c)
        x = Conv(a.in_chans, (3, 3), 1, 1, kernel_init=plain_init, name="head")(x)
        return jnp.tanh(at_least_float32(x))

    @nn.nowrap
    def image_size(self) -> tuple[int, int]:
        return (self.architecture.image_size,) * 2

    @nn.nowrap
    def example_inputs(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        batch = shape[0]
        return (
            jax.ShapeDtypeStruct((batch, self.architecture.latent), jnp.float32),
            jax.ShapeDtypeStruct((batch,), jnp.int32),
        )


# ------------------------------------------------------------------------------------- critic


@dataclass(frozen=True)
class ConvCriticArchitecture:
    """A strided convolution for each entry of `widths`; each halves the sides."""

    widths: tuple[Width, ...] = (16, 32, 64)
    dropout: Rate = 0.0  # after each convolution, in training
    in_chans: Channels = 3
    image_size: Count = 32

    def __post_init__(self) -> None:
        check(self)
        if self.image_size % 2 ** len(self.widths):
            raise UserError(
                f"image_size={self.image_size} cannot be halved {len(self.widths)} times: give a "
                f"multiple of {2 ** len(self.widths)}, or fewer widths"
            )


class Judged(NamedTuple):
    """Scores [B] of images, and the features [B, D] that they are made of."""

    scores: Array
    features: Array


class ConvCritic(Network):
    """images [B, H, W, C], labels [B] -> a number for each: how real it looks."""

    kind: ClassVar[str] = "critic"

    @nn.compact
    def __call__(self, x: Array, labels: Array | None = None, examples: Examples = None) -> Judged:
        """float32; `examples` [B] turns dropout on, see `Dropout`."""
        a = self.architecture
        x = x.astype(self.dtype)
        for number, width in enumerate(a.widths):
            conv = Conv(width, (4, 4), 2, 1, kernel_init=he_init, name=f"blocks_{number}")
            x = leaky(conv(x))
            x = Dropout(a.dropout)(x, examples)
        features = at_least_float32(x.reshape(x.shape[0], -1))
        scores = Linear(1, kernel_init=plain_init, name="head")(features)[:, 0]
        if self.num_classes:
            embedding = LabelEmbedding(self.num_classes, features.shape[-1], name="y_embedder")
            meant = embedding(labels) / jnp.sqrt(features.shape[-1])
            scores += (meant.astype(features.dtype) * features).sum(-1)
        return Judged(scores, features)

    @nn.nowrap
    def image_size(self) -> tuple[int, int]:
        return (self.architecture.image_size,) * 2

    @nn.nowrap
    def example_inputs(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        return (
            jax.ShapeDtypeStruct(shape, jnp.float32),
            jax.ShapeDtypeStruct(shape[:1], jnp.int32),
        )


@register_family(ConvGenerator, "generator of plain convolutions", input_shape=(32, 32, 3))
def conv_generator() -> dict[str, ConvGeneratorArchitecture]:
    """For images of 32 pixels."""
    return {
        "conv_generator_tiny": ConvGeneratorArchitecture((64, 32, 16, 8), 32),
        "conv_generator_small": ConvGeneratorArchitecture((256, 256, 128, 64), 128),
    }


@register_family(ConvCritic, "critic of plain convolutions, for a generator", (32, 32, 3))
def conv_critic() -> dict[str, ConvCriticArchitecture]:
    """For images of 32 pixels."""
    return {
        "conv_critic_tiny": ConvCriticArchitecture((16, 32, 64)),
        "conv_critic_small": ConvCriticArchitecture((64, 128, 256)),
    }
