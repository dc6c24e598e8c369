"""The parts of a DiT that gates may leave out: heads, groups of hidden channels, blocks.

A network under gates of 0 and 1 computes what the smaller network does that has the open parts
alone. Shapes: B batch, N tokens, C channels, A heads, D channels of a head, F hidden channels, M
groups of them in a block, G gates, in the order of `gates.Structure`.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax import models
from effjax.compress.generators.gates import Structure
from effjax.contract import Params
from effjax.errors import UserError
from effjax.models.blocks.adaln import AdaLnBlock
from effjax.models.families.dit import DiT


class OpenBlock(NamedTuple):
    """What is open of a block that stays: its number, its heads, its groups of hidden channels."""

    number: int
    heads: tuple[int, ...]
    groups: tuple[int, ...]


class Macs(NamedTuple):
    """Multiply-adds: of a head, a group of hidden channels, the rest of a block, and all others."""

    head: int
    group: int
    rest: int
    outside: int


@dataclasses.dataclass(frozen=True)
class Parts:
    """A DiT of equal blocks, divided.

    Attributes:
      model: the network.
      groups: M.
      shape: (H, W, C) of the examples.

    Raises:
      UserError: blocks that differ, or hidden channels that do not divide into so many groups.
    """

    model: DiT
    groups: int
    shape: tuple[int, int, int]

    def __post_init__(self) -> None:
        a = self.model.architecture
        if a.block_heads is not None or a.block_hidden is not None:
            raise UserError("gates are for a DiT of equal blocks; this one has been cut already")
        if a.hidden % self.groups:
            raise UserError(f"{a.hidden} hidden channels do not divide into {self.groups} groups")

    @functools.cached_property
    def structure(self) -> Structure:
        """The gates: A heads and M groups of each block, then the depths."""
        a = self.model.architecture
        return Structure(((a.heads, self.groups),) * a.depth, (True,) * a.depth)

    @functools.cached_property
    def macs(self) -> Macs:
        """By taking one part away at a time: each has a cost of its own, so that costs add up."""
        a = self.model.architecture
        size = a.hidden // self.groups
        heads = (a.heads,) * a.depth
        hidden = (a.hidden,) * a.depth

        def cost(**fields: Any) -> int:
            architecture = dataclasses.replace(a, scan=False, **fields)
            return models.cost(self.model.clone(architecture=architecture), self.shape).macs

        whole = cost()
        # a layer of nothing cannot be built: with one part more instead
        head = cost(block_heads=(a.heads + 1, *heads[1:])) - whole
        group = cost(block_hidden=(a.hidden + size, *hidden[1:])) - whole
        block = cost(depth=a.depth + 1) - whole
        rest = block - a.heads * head - self.groups * group
        return Macs(head, group, rest, whole - a.depth * block)

    @property
    def prunable(self) -> int:
        """Multiply-adds of all blocks."""
        a = self.model.architecture
        block = a.heads * self.macs.head + self.groups * self.macs.group + self.macs.rest
        return a.depth * block

    @property
    def total(self) -> int:
        """Multiply-adds of the network."""
        return self.prunable + self.macs.outside

    def open_macs(self, gates: Array) -> Array:
        """[B]: multiply-adds of the blocks under gates [B, G]; of NumPy where the gates are."""
        heads = self.model.architecture.heads
        total = 0.0
        for place, depth in self.structure.blocks():
            widths = gates[:, place]
            attention = self.macs.head * widths[:, :heads].sum(-1)
            mlp = self.macs.group * widths[:, heads:].sum(-1)
            total = total + gates[:, depth] * (attention + mlp + self.macs.rest)
        return total

    def apply(
        self, params: Params, gates: Array, x: Array, told: Array, labels: Array
    ) -> tuple[Array, list[Array]]:
        """(output, what each block gives [B, N, C]) of the network under gates [B, G].

        A closed block gives what it takes.
        """
        a = self.model.architecture
        # blocks that are scanned or computed again are not called by their names
        model = self.model.clone(architecture=dataclasses.replace(a, scan=False, remat=False))
        blocks = self.structure.blocks()
        features = []

        def gated(call: Any, args: Any, kwargs: Any, context: Any) -> Array:
            path = context.module.path
            if context.method_name != "__call__" or not path or not path[0].startswith("blocks_"):
                return call(*args, **kwargs)
            place, depth = blocks[int(path[0].removeprefix("blocks_"))]
            widths = gates[:, place]
            if path[1:] == ("attn", "proj"):
                factor = jnp.repeat(widths[:, : a.heads], a.width // a.heads, axis=-1)
                return call(args[0] * factor[:, None], **kwargs)
            if path[1:] == ("mlp", "fc2"):
                factor = jnp.repeat(widths[:, a.heads :], a.hidden // self.groups, axis=-1)
                return call(args[0] * factor[:, None], **kwargs)
            out = call(*args, **kwargs)
            if isinstance(context.module, AdaLnBlock):
                out = args[0] + gates[:, depth, None, None] * (out - args[0])
                features.append(out)
            return out

        with nn.intercept_methods(gated):
            output = model.apply({"params": params}, x, told, labels)
        return output, features

    # ----------------------------------------------------------------------- the smaller network

    def opened(self, gates: np.ndarray) -> tuple[OpenBlock, ...]:
        """The parts that gates [G] of 0 and 1 leave open."""
        heads = self.model.architecture.heads
        found = []
        for number, (place, depth) in enumerate(self.structure.blocks()):
            if gates[depth]:
                widths = np.asarray(gates[place])
                own = np.flatnonzero(widths[:heads]), np.flatnonzero(widths[heads:])
                found.append(OpenBlock(number, *(tuple(part.tolist()) for part in own)))
        return tuple(found)

    def small_model(self, blocks: Sequence[OpenBlock]) -> DiT:
        """The network of these parts alone."""
        a = self.model.architecture
        size = a.hidden // self.groups
        architecture = dataclasses.replace(
            a,
            scan=False,
            depth=len(blocks),
            block_heads=tuple(len(block.heads) for block in blocks),
            block_hidden=tuple(len(block.groups) * size for block in blocks),
        )
        return self.model.clone(architecture=architecture)

    def small_params(self, params: Params, blocks: Sequence[OpenBlock]) -> Params:
        """The parameters of the whole network that `small_model` has."""
        found = {name: tree for name, tree in params.items() if not name.startswith("blocks_")}
        for number, block in enumerate(blocks):
            found[f"blocks_{number}"] = self._small_block(params[f"blocks_{block.number}"], block)
        return found

    def _small_block(self, block: Params, kept: OpenBlock) -> Params:
        a = self.model.architecture
        heads = _channels(kept.heads, a.width // a.heads)
        hidden = _channels(kept.groups, a.hidden // self.groups)
        # queries, keys and values one after another
        qkv = np.concatenate([heads, heads + a.width, heads + 2 * a.width])
        attention, mlp = block["attn"], block["mlp"]
        return {
            **block,
            "attn": {
                "qkv": _with_outputs(attention["qkv"], qkv),
                "proj": _with_inputs(attention["proj"], heads),
            },
            "mlp": {
                "fc1": _with_outputs(mlp["fc1"], hidden),
                "fc2": _with_inputs(mlp["fc2"], hidden),
            },
        }


def _channels(parts: Sequence[int], size: int) -> np.ndarray:
    """The channels of parts of `size` channels each."""
    return (np.asarray(parts)[:, None] * size + np.arange(size)).reshape(-1)


def _with_outputs(layer: Params, channels: np.ndarray) -> Params:
    return {"kernel": layer["kernel"][:, channels], "bias": layer["bias"][channels]}


def _with_inputs(layer: Params, channels: np.ndarray) -> Params:
    return {**layer, "kernel": layer["kernel"][channels]}
