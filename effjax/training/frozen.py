"""What is frozen is frozen whole: its running averages stay as they are.

A layer is frozen if it holds parameters and none of them, or of the layers inside it, is learned.
"""

from collections.abc import Set
from typing import Any

import jax

from effjax.optim import parameter_paths

Layers = frozenset[tuple[str, ...]]


def frozen_layers(params: Any, not_learned: Set[str]) -> Layers:
    """Paths of the layers of which no parameter is learned, such as ("stages_0", "blocks_1").

    Args:
      params: the parameters of a network.
      not_learned: paths of parameters, such as "stages_0/blocks_1/norm1/scale".
    """
    held: set[tuple[str, ...]] = set()
    learned: set[tuple[str, ...]] = set()
    for path in parameter_paths(params):
        *layer, _ = path.split("/")
        enclosing = {tuple(layer[:depth]) for depth in range(1, len(layer) + 1)}
        if path in not_learned:
            held |= enclosing
        else:
            learned |= enclosing
    return frozenset(held - learned)


def lies_in(path: tuple[str, ...], layers: Layers) -> bool:
    """Whether a layer is one of `layers` or lies inside one of them."""
    return any(path[:depth] in layers for depth in range(1, len(path) + 1))


def keep_frozen(new: Any, old: Any, layers: Layers) -> Any:
    """The model state `new` with the leaves of frozen layers as they are in `old`.

    The state of a layer has the path of its parameters behind the name of its collection:
    {"batch_stats": {"stem": {"norm": {"mean": ...}}}} belongs to ("stem", "norm").
    """
    if not layers:
        return new
    paths = parameter_paths(new)
    kept = [lies_in(tuple(path.split("/")[1:-1]), layers) for path in paths]
    frozen = jax.tree.structure(new).unflatten(kept)
    return jax.tree.map(lambda hold, n, o: o if hold else n, frozen, new, old)
