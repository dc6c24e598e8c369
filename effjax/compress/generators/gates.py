"""Soft gates of widths and depths, and the vectors that describe an architecture by them.

APTP, Ganjdanesh et al. 2025, https://arxiv.org/abs/2406.12042. A vector has the width gates of all
blocks, then a depth gate for each block that may be dropped.
Shapes: B vectors, W width gates, D depth gates, G = W + D.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from effjax.errors import UserError

EPS = 1e-6  # keeps a share away from 0 and 1
TINY = 1e-20  # keeps a logarithm finite


@dataclasses.dataclass(frozen=True)
class Structure:
    """The gates of a network.

    Attributes:
      widths: of each block, the numbers of gates of its layers.
      drops: of each block, whether it may be dropped.
      order: which depth gate each entry of the nested depths belongs to, from the block that is
        never dropped to the one that is dropped first; None: as they stand. -1 is the last.
    """

    widths: tuple[tuple[int, ...], ...]
    drops: tuple[bool, ...]
    order: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.drops):
            raise UserError(f"{len(self.widths)} blocks have widths, {len(self.drops)} may drop")
        count = self.depth_count
        is_inside = all(-count <= place < count for place in self.order or ())
        if not is_inside or sorted(self.depth_order) != list(range(count)):
            raise UserError(f"order={self.order}: expected each of {count} depth gates")

    @property
    def layers(self) -> tuple[int, ...]:
        """The numbers of gates of all layers."""
        return tuple(count for block in self.widths for count in block)

    @property
    def width_count(self) -> int:
        """W."""
        return sum(self.layers)

    @property
    def depth_count(self) -> int:
        """D."""
        return sum(self.drops)

    @property
    def depth_order(self) -> tuple[int, ...]:
        """`order` with the places counted from the front."""
        given = range(self.depth_count) if self.order is None else self.order
        return tuple(place % self.depth_count for place in given)

    @functools.cached_property
    def sizes(self) -> np.ndarray:
        """[G]: how many gates the layer of each gate has; 1 of a depth."""
        counts = np.asarray([*self.layers, *[1] * self.depth_count])
        return np.repeat(counts, counts)

    def blocks(self) -> list[tuple[slice, int | None]]:
        """Of each block: where its width gates are, and its depth gate, or None."""
        found = []
        start = 0
        depth = self.width_count
        for layers, drops in zip(self.widths, self.drops, strict=True):
            gates = slice(start, start + sum(layers))
            found.append((gates, depth if drops else None))
            start = gates.stop
            depth += drops
        return found


def gumbel(uniform: Array) -> Array:
    """Draws of a Gumbel distribution."""
    return -jnp.log(-jnp.log(uniform + TINY) + TINY)


def soft_gates(logits: Array, uniform: Array, temperature: float, base: float) -> Array:
    """Gates in (0, 1): sigmoid((logit + Gumbel + base) / temperature).

    One Gumbel draw has a mean of 0.577, so that gates lean to being open. A uniform of e^-1 is a
    draw of 0, as in evaluation.
    """
    return jax.nn.sigmoid((logits + gumbel(uniform) + base) / temperature)


def falling_shares(logits: Array) -> Array:
    """[B, D]: shares that fall from 1, so that a block is dropped before those that stand first."""
    kept = jnp.cumsum(jax.nn.softmax(logits, axis=-1), axis=-1)
    return jnp.flip(kept, axis=-1)


def nested_logits(logits: Array) -> Array:
    """[B, D]: the logits of `falling_shares`."""
    falling = falling_shares(logits)
    return jnp.log(falling + EPS) - jnp.log1p(-(falling - EPS))


def hard(gates: Array) -> Array:
    """0 or 1, with the gradient of the soft ones."""
    rounded = (gates >= 0.5).astype(gates.dtype)
    return jax.lax.stop_gradient(rounded - gates) + gates


def architecture_gates(
    structure: Structure,
    logits: Array,
    uniform: Array,
    temperature: float = 0.4,
    base: float = 3.0,
) -> Array:
    """[B, G]: all gates; the first gate of a layer is opened where none of its gates is.

    Args:
      logits: [B, G].
      uniform: [B, G] in (0, 1), of widths, then of depths in the nested order.
    """
    split = structure.width_count
    wide = soft_gates(logits[:, :split], uniform[:, :split], temperature, base)
    layers = []
    start = 0
    for count in structure.layers:
        layers.append(_with_one_open(wide[:, start : start + count]))
        start += count
    nested = nested_logits(logits[:, split:])
    depths = soft_gates(nested, uniform[:, split:], temperature, base)
    return jnp.concatenate([*layers, _placed(structure, depths)], axis=-1)


def _placed(structure: Structure, depths: Array) -> Array:
    """[B, D] in the nested order -> in that of the gates: entry i goes to the gate order[i]."""
    return jnp.zeros_like(depths).at[:, jnp.asarray(structure.depth_order)].set(depths)


def open_scores(structure: Structure, logits: Array, base: float = 3.0) -> Array:
    """[B, G]: by how much each gate is open without noise: those of 0 and more are open."""
    split = structure.width_count
    depths = _placed(structure, nested_logits(logits[:, split:]))
    return jnp.concatenate([logits[:, :split], depths], axis=-1) + base


def _with_one_open(gates: Array) -> Array:
    closed = (gates >= 0.5).sum(-1) == 0
    return gates.at[:, 0].add(jnp.where(closed, 0.5, 0.0))


def comparable(structure: Structure, gates: Array, resources: Array | None = None) -> Array:
    """[B, G]: gates as one vector of an architecture, for cosines.

    A block that may be dropped counts by width times depth, softly; a block that stays, and the
    depths, count as 0 or 1. Each layer weighs alike, whatever its number of gates.

    Args:
      resources: [G], multiply-adds behind each gate, by which it counts; None: alike.
    """
    effective = hard(gates)
    for place, depth in structure.blocks():
        if depth is not None:
            both = gates[:, place] * gates[:, depth : depth + 1]
            effective = effective.at[:, place].set(both)
    vector = effective / jnp.sqrt(jnp.asarray(structure.sizes, gates.dtype))[None]
    return vector if resources is None else vector * resources[None]


def resource_template(structure: Structure, macs: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """[G]: the multiply-adds behind each gate; of a depth, those of its block.

    Args:
      macs: of each block, those of its layers.
    """
    of_layers = [count for block in macs for count in block]
    of_depths = [sum(block) for block, drops in zip(macs, structure.drops, strict=True) if drops]
    counts = [*structure.layers, *[1] * structure.depth_count]
    return np.repeat(np.asarray([*of_layers, *of_depths], np.float64), counts)
