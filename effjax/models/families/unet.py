"""A small U-Net that takes noise away, with residual blocks and attention on the smallest map.

After DDPM, https://arxiv.org/abs/2006.11239, with the condition as scale and shift.
Shapes: B batch, H W space, C channels.
"""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.nn.initializers import Initializer

from effjax.errors import UserError
from effjax.models.architecture import Channels, Depth, Width, check
from effjax.models.blocks.adaln import Attention, LabelEmbedding, TimeEmbedding
from effjax.models.blocks.initialisers import ones_init, zeros_init
from effjax.models.blocks.layers import Conv, Linear, at_least_float32, per_channel
from effjax.models.blocks.skips import FixedSkips, skip_factor
from effjax.models.denoiser import Denoiser, Hidden
from effjax.models.registry import register_family
from effjax.ranges import Count, Share

conv_init = nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")
MOST_GROUPS = 32


@dataclass(frozen=True)
class UNetArchitecture:
    """`depths` residual blocks of `widths` channels on each map, from the largest to the smallest.

    Every map has half the sides of the one before.
    """

    depths: tuple[Depth, ...] = (2, 2)
    widths: tuple[Width, ...] = (64, 128)
    heads: Count = 4  # of attention on the smallest map
    in_chans: Channels = 3  # of an example
    learn_sigma: bool = False  # as many further outputs, for a variance
    null_label: bool = True  # one row more than classes: "no label"
    second_time: bool = False  # two times for each example, as MeanFlow has
    skips: FixedSkips = "plain"  # how skips are scaled
    kappa: Share = 0.7  # of skips="constant"

    def __post_init__(self) -> None:
        check(self)
        if self.widths[-1] % self.heads:
            raise UserError(f"widths={self.widths}: the last is no multiple of heads={self.heads}")

    @property
    def condition_width(self) -> int:
        """Channels of the condition."""
        return 4 * self.widths[0]


class GroupNorm(nn.Module):
    """Normalise over space and groups of neighbouring channels."""

    eps: float = 1e-5

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, channels = x.shape[0], x.shape[-1]
        groups = math.gcd(MOST_GROUPS, channels)
        wide = at_least_float32(x)
        wide = wide.reshape(batch, -1, groups, channels // groups)  # [B, H W, groups, C / groups]
        over = (1, 3)
        centred = wide - wide.mean(over, keepdims=True)
        variance = jnp.square(centred).mean(over, keepdims=True)
        normal = centred * lax.rsqrt(variance + self.eps)
        normal = normal.reshape(x.shape)
        scale = self.param("scale", ones_init, (channels,))
        bias = self.param("bias", zeros_init, (channels,))
        scaled = normal * per_channel(scale, normal) + per_channel(bias, normal)
        return scaled.astype(x.dtype)


def conv3(width: int, name: str, stride: int = 1, kernel_init: Initializer = conv_init) -> Conv:
    """3x3 pixels; the map keeps its sides, a stride of 2 halves them."""
    return Conv(width, (3, 3), stride, 1, kernel_init=kernel_init, name=name)


class ResidualBlock(nn.Module):
    """norm, SiLU, convolution, twice; the condition scales and shifts between."""

    width: int

    @nn.compact
    def __call__(self, x: Array, c: Array) -> Array:
        """x [B, H, W, C] -> [B, H, W, width]; c [B, D]."""
        h = GroupNorm(name="norm1")(x)
        h = conv3(self.width, "conv1")(jax.nn.silu(h))
        linear = Linear(2 * self.width, kernel_init=conv_init, name="condition")
        both = linear(jax.nn.silu(c)).astype(h.dtype)
        scale, shift = jnp.split(both[:, None, None], 2, axis=-1)  # [B, 1, 1, width]
        # 1 + scale: a condition of zeros changes nothing
        h = GroupNorm(name="norm2")(h) * (1 + scale) + shift
        # zero: the block is the identity at the start
        h = conv3(self.width, "conv2", kernel_init=zeros_init)(jax.nn.silu(h))
        if x.shape[-1] != self.width:
            x = Conv(self.width, (1, 1), kernel_init=conv_init, name="skip")(x)
        return x + h


class MapAttention(nn.Module):
    """Self-attention of the positions of a map, beside a skip connection."""

    heads: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        batch, channels = x.shape[0], x.shape[-1]
        normal = GroupNorm(name="norm")(x)
        tokens = normal.reshape(batch, -1, channels)
        mixed = Attention(self.heads, kernel_init=conv_init, name="attn")(tokens)
        return x + mixed.reshape(x.shape)


class UNet(Denoiser):
    """Down through the maps, up again; each block up takes the output of its partner."""

    @nn.nowrap
    def token_count(self, size: tuple[int, int]) -> int:
        return size[0] * size[1]

    @nn.compact
    def forward(self, x: Array, told: Array, labels: Array, hidden: Hidden | None) -> Array:
        """[B, H, W, in_chans] -> [B, H, W, outputs].

        Raises:
          UserError: the sides cannot be halved as often as there are further maps.
        """
        a = self.architecture
        self._check_size(x.shape[1:3])
        c = self._condition(told, labels)
        x = conv3(a.widths[0], "stem")(x)
        # what each block down gives, for its partner on the way up
        outputs = [x]
        for level, (depth, width) in enumerate(zip(a.depths, a.widths, strict=True)):
            if level:
                x = conv3(width, f"down_{level}", stride=2)(x)
                outputs.append(x)
            for number in range(depth):
                x = ResidualBlock(width, name=f"in_{level}_{number}")(x, c)
                outputs.append(x)
        x = ResidualBlock(a.widths[-1], name="middle_0")(x, c)
        x = MapAttention(a.heads, name="middle_attention")(x)
        x = ResidualBlock(a.widths[-1], name="middle_1")(x, c)
        x = self._up(x, c, outputs)
        x = jax.nn.silu(GroupNorm(name="norm")(x))
        out_chans = a.in_chans
        if a.learn_sigma:
            out_chans *= 2
        return conv3(out_chans, "head", kernel_init=zeros_init)(x)

    def _up(self, x: Array, c: Array, outputs: list[Array]) -> Array:
        a = self.architecture
        count = len(outputs)
        for level in reversed(range(len(a.depths))):
            # one block more than on the way down: for what made the map
            for number in range(a.depths[level] + 1):
                used = count - len(outputs)
                factor = skip_factor(a.skips, used, count, a.kappa)
                skip = factor * outputs.pop()
                x = jnp.concatenate([x, skip], axis=-1)
                x = ResidualBlock(a.widths[level], name=f"out_{level}_{number}")(x, c)
            if level:
                x = x.repeat(2, axis=1).repeat(2, axis=2)  # nearest neighbour
                x = conv3(a.widths[level - 1], f"up_{level}")(x)
        return x

    def _condition(self, told: Array, labels: Array) -> Array:
        a = self.architecture
        width = a.condition_width
        c = LabelEmbedding(self.labels_known, width, name="y_embedder")(labels)
        if not a.second_time:
            return c + TimeEmbedding(width, name="t_embedder")(told)
        c += TimeEmbedding(width, name="t_embedder")(told[:, 0])
        return c + TimeEmbedding(width, name="r_embedder")(told[:, 1])

    @nn.nowrap
    def _check_size(self, size: tuple[int, int]) -> None:
        height, width = size
        halvings = len(self.architecture.depths) - 1
        factor = 2**halvings
        if height % factor or width % factor:
            raise UserError(
                f"examples {height}x{width} cannot be halved {halvings} times: give sides that are"
                f" multiples of {factor}, or fewer depths and widths"
            )


@register_family(UNet, "U-Net, takes noise away; residual blocks", input_shape=(32, 32, 3))
def unet() -> dict[str, UNetArchitecture]:
    """For images of 32 pixels."""
    return {
        "unet_tiny": UNetArchitecture((1, 1), (32, 64)),
        "unet_small": UNetArchitecture((2, 2, 2), (128, 256, 256)),
    }
