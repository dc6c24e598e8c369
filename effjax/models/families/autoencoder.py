"""A small convolutional autoencoder: images to maps of few channels, and back.

Its latents are normal distributions, as in Rombach et al. 2022, https://arxiv.org/abs/2112.10752.
Shapes: B batch, H W image space, C its channels, h w latent space, c latent channels.
"""

from dataclasses import dataclass
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Channels, Width, check
from effjax.models.blocks.layers import Conv, at_least_float32
from effjax.models.families.conv_gan import PixelNorm, he_init, leaky, plain_init
from effjax.models.network import Network
from effjax.models.registry import register_family

# log variances of latents stay between these, so that no exponential overflows
LEAST, MOST = -30.0, 20.0


@dataclass(frozen=True)
class ConvAutoencoderArchitecture:
    """Each entry of `widths` halves the sides on the way in, and doubles them on the way out."""

    widths: tuple[Width, ...] = (32, 64)
    latent_chans: Channels = 4
    in_chans: Channels = 3  # of an image

    def __post_init__(self) -> None:
        check(self)

    @property
    def factor(self) -> int:
        """How much smaller the sides of a latent are."""
        return 2 ** len(self.widths)


class Latent(NamedTuple):
    """Mean and log variance, both [B, h, w, c]."""

    mean: Array
    log_variance: Array


class Coded(NamedTuple):
    """The latent of an image, and the image [B, H, W, C] that is made of it."""

    latent: Latent
    image: Array


class Step(nn.Module):
    """Norm, leaky ReLU, convolution, beside a skip connection."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        h = leaky(PixelNorm(name="norm")(x))
        h = Conv(x.shape[-1], (3, 3), 1, 1, kernel_init=plain_init, name="conv")(h)
        return x + h


class Encoder(nn.Module):
    """[B, H, W, C] -> [B, h, w, 2 c]."""

    widths: tuple[int, ...]
    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for number, width in enumerate(self.widths):
            x = Conv(width, (4, 4), 2, 1, kernel_init=he_init, name=f"down_{number}")(x)
            x = Step(name=f"step_{number}")(x)
        return Conv(self.outputs, (3, 3), 1, 1, kernel_init=plain_init, name="head")(leaky(x))


class Decoder(nn.Module):
    """[B, h, w, c] -> [B, H, W, C]."""

    widths: tuple[int, ...]
    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for number, width in enumerate(reversed(self.widths)):
            x = Conv(width, (3, 3), 1, 1, kernel_init=he_init, name=f"up_{number}")(x)
            x = Step(name=f"step_{number}")(x)
            x = x.repeat(2, axis=1).repeat(2, axis=2)  # nearest neighbour
        return Conv(self.outputs, (3, 3), 1, 1, kernel_init=plain_init, name="head")(leaky(x))


class ConvAutoencoder(Network):
    """images [B, H, W, C] in [-1, 1] -> latents and images."""

    kind: ClassVar[str] = "autoencoder"

    def setup(self) -> None:
        a = self.architecture
        self.encoder = Encoder(a.widths, 2 * a.latent_chans)
        self.decoder = Decoder(a.widths, a.in_chans)

    def __call__(self, x: Array, noise: Array | None = None) -> Coded:
        """float32.

        Args:
          noise: [B, h, w, c] normal, which latent is taken; None: the mean.
        """
        latent = self.encode(x)
        taken = latent.mean
        if noise is not None:
            taken = taken + jnp.exp(0.5 * latent.log_variance) * noise
        return Coded(latent, self.decode(taken))

    def encode(self, x: Array) -> Latent:
        """The latents of images.

        Raises:
          UserError: the sides cannot be halved so often.
        """
        factor = self.architecture.factor
        height, width = x.shape[1:3]
        if height % factor or width % factor:
            raise UserError(
                f"images {height}x{width} cannot be made {factor} times smaller: give sides that "
                f"are multiples of {factor}, or fewer config.model.widths"
            )
        both = at_least_float32(self.encoder(x.astype(self.dtype)))
        mean, log_variance = jnp.split(both, 2, axis=-1)
        return Latent(mean, jnp.clip(log_variance, LEAST, MOST))

    def decode(self, latents: Array) -> Array:
        """[B, h, w, c] -> [B, H, W, C]; not clipped."""
        return at_least_float32(self.decoder(latents.astype(self.dtype)))

    @nn.nowrap
    def latent_shape(self, shape: tuple[int, ...]) -> tuple[int, int, int]:
        """(h, w, c) of images (H, W, C)."""
        a = self.architecture
        return shape[0] // a.factor, shape[1] // a.factor, a.latent_chans

    @nn.nowrap
    def example_inputs(self, shape: tuple[int, ...]) -> tuple[Any, ...]:
        return (jax.ShapeDtypeStruct(shape, jnp.float32),)


@register_family(ConvAutoencoder, "autoencoder of plain convolutions", input_shape=(32, 32, 3))
def conv_autoencoder() -> dict[str, ConvAutoencoderArchitecture]:
    """Sides a quarter and an eighth."""
    return {
        "conv_autoencoder_tiny": ConvAutoencoderArchitecture((16, 32)),
        "conv_autoencoder_small": ConvAutoencoderArchitecture((64, 128, 256)),
    }
