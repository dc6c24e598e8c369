"""Classifier-free guidance, https://arxiv.org/abs/2207.12598.

Shapes: B batch, ... space, C channels.
"""

import dataclasses
import math
from collections.abc import Callable

import jax.numpy as jnp
from jax import Array

from effjax.diffusion.process import Network
from effjax.diffusion.shapes import per_example
from effjax.errors import UserError

# (x [B, ...], told time [B], labels [B]) -> the network's output
Conditional = Callable[[Array, Array, Array], Array]


def guide(
    conditional: Array,
    unconditional: Array,
    scale: Array,
    channels: int,
    guided_channels: int | None = None,
) -> Array:
    """The output pushed away from the unconditional one; a scale of 1 changes nothing.

    Args:
      scale: [B].
      channels: of the prediction, C; those that follow (a variance) stay conditional.
      guided_channels: guide the first ones only. The code of DiT, SiT and MDT guides three of four
        channels of a latent, and the published numbers contain that.
    """
    count = channels if guided_channels is None else guided_channels
    difference = conditional - unconditional
    is_guided = jnp.arange(conditional.shape[-1]) < count
    is_guided = jnp.broadcast_to(is_guided, conditional.shape)
    # from the conditional output, so that a scale of 1 returns it to the bit
    push = (per_example(scale, conditional) - 1) * difference
    return jnp.where(is_guided, conditional + push, conditional)


def power_cosine(scale: float, power: float, t: Array, length: int = 1000) -> Array:
    """MDT's scale at step t of 0..length - 1: near 1 in noise, `scale` at t = 0.

    `power` 4 is for FID; 0.01 is nearly `scale` everywhere.
    """
    share = (1 - t / length) ** power
    return 1 + (scale - 1) * (1 - jnp.cos(math.pi * share)) / 2


@dataclasses.dataclass(frozen=True)
class Guidance:
    """How strongly samples follow their label.

    Attributes:
      scale: 1 is the conditional network.
      interval: only where the network is told a time in [low, high], see
        https://arxiv.org/abs/2404.07724; None: everywhere.
      power: MDT's power-cosine schedule of the scale; None: constant.
      length: of the chain of that schedule.
      guided_channels: see `guide`.
    """

    scale: float = 1.0
    interval: tuple[float, float] | None = None
    power: float | None = None
    length: int = 1000
    guided_channels: int | None = None

    def __post_init__(self) -> None:
        if self.interval is not None and not self.interval[0] <= self.interval[1]:
            raise UserError(f"guidance interval {self.interval}: expected (low, high)")

    def scales(self, told: Array) -> Array:
        """[B]: the scale where the network is told `told` [B]."""
        if self.power is None:
            scales = jnp.full(told.shape, self.scale, jnp.result_type(float))
        else:
            scales = power_cosine(self.scale, self.power, told, self.length)
        if self.interval is None:
            return scales
        low, high = self.interval
        return jnp.where((told >= low) & (told <= high), scales, 1.0)

    def network(self, conditional: Conditional, labels: Array, no_label: int) -> Network:
        """(x, told) -> the guided output: one call on both halves of a doubled batch."""

        def plain(x: Array, told: Array) -> Array:
            return conditional(x, told, labels)

        def guided(x: Array, told: Array) -> Array:
            nothing = jnp.full_like(labels, no_label)
            both = conditional(
                jnp.concatenate([x, x]),
                jnp.concatenate([told, told]),
                jnp.concatenate([labels, nothing]),
            )
            with_label, without = jnp.split(both, 2)
            scales = self.scales(told.reshape(len(told), -1)[:, 0]).astype(x.dtype)
            return guide(with_label, without, scales, x.shape[-1], self.guided_channels)

        return plain if self.scale == 1 else guided
