"""Equal blocks, compiled once: a scan over their stacked variables, which nobody outside sees.

Shapes: B batch, n blocks.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import drop_name

# of one block: 1 - rate of its stochastic depth, and a key for each of its branches
Drops = tuple[Array, Array]
BRANCHES = 2


def equal_neighbours(blocks: Sequence[partial]) -> Iterator[tuple[int, int]]:
    """(first, last + 1) of each run of blocks that are made alike."""
    first = 0
    for number in range(1, len(blocks)):
        if not _made_alike(blocks[number], blocks[first]):
            yield first, number
            first = number
    yield first, len(blocks)


def _made_alike(one: partial, other: partial) -> bool:
    same_arguments = one.args == other.args and one.keywords == other.keywords
    return one.func is other.func and same_arguments


def scan_blocks(
    stage: nn.Module,
    make_block: partial,
    first: int,
    rates: Sequence[float],
    x: Array,
    examples: Examples,
) -> Array:
    """`x` through the blocks `first`, `first + 1`, ... of a bound `stage`, as many as `rates`.

    Their variables are those of children named "blocks_<j>", which exist already. Random draws are
    those that the children would make.

    Args:
      make_block: makes any one of them; called as block(x, examples, drops).
      rates: of stochastic depth.
      x: [B, ...].
      examples: [B] int32, or None in evaluation.
    """
    names = [f"blocks_{number}" for number in range(first, first + len(rates))]
    # Without a parent it is no child of the stage: the scan hands in variables and draws.
    block = make_block(drop_path=0.0, parent=None)
    stacked = _stack([_variables_of(stage, name) for name in names])  # leaves [n, ...]
    drops = None
    if examples is not None and any(rates):
        keep = jnp.asarray([1 - rate for rate in rates], jnp.float32)
        keys = jnp.stack([_keys(stage, name) for name in names])  # [n, BRANCHES]
        drops = keep, keys

    # One program for all blocks: what differs between them comes in as `own`.
    def step(x: Array, own: tuple) -> tuple[Array, None]:
        variables, drops = own
        return block.apply(variables, x, examples, drops), None

    x, _ = jax.lax.scan(step, x, (stacked, drops), length=len(rates))
    return x


def _variables_of(stage: nn.Module, name: str) -> dict[str, Any]:
    """The child's part of each collection of the stage's variables that it has a part in."""
    return {kind: tree[name] for kind, tree in stage.variables.items() if name in tree}


def _stack(trees: Sequence[Any]) -> Any:
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *trees)


def _keys(stage: nn.Module, name: str) -> Array:
    """The keys [BRANCHES] that the StochasticDepth layers of the child `name` would draw."""
    child = stage.scope.push(name, reuse=True)
    keys = []
    for branch in range(BRANCHES):
        layer = child.push(drop_name(branch), reuse=True)
        keys.append(layer.make_rng("dropout"))
    return jnp.stack(keys)
