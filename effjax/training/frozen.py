"""What is frozen is frozen whole: its running averages stay as they are.

A layer is frozen if it holds parameters and none of them, or of the layers inside it, is learned.
"""

from collections.abc import Set
from typing import Any

import jax

from effjax.optim import parameter_paths

Path = tuple[str, ...]  # of a layer, such as ("stages_0", "blocks_1")
Layers = frozenset[Path]


def frozen_layers(params: Any, not_learned: Set[str]) -> Layers:
    """Paths of the layers of which no parameter is learned.

    Args:
      params: the parameters of a network.
      not_learned: paths of parameters, such as "stages_0/blocks_1/norm1/scale".
    """
    held: set[Path] = set()
    learned: set[Path] = set()
    for path in parameter_paths(params):
        *layer, _ = path.split("/")
        layers = learned
        if path in not_learned:
            layers = held
        layers.update(_prefixes(tuple(layer)))
    # one learned parameter inside is enough for a layer to be learned
    return frozenset(held - learned)


def lies_in(path: Path, layers: Layers) -> bool:
    """Whether a layer is one of `layers` or lies inside one of them."""
    return any(prefix in layers for prefix in _prefixes(path))


def _prefixes(path: Path) -> list[Path]:
    """The layer and all that enclose it, without the network itself, whose path is empty."""
    return [path[:depth] for depth in range(1, len(path) + 1)]


def keep_frozen(new: Any, old: Any, layers: Layers) -> Any:
    """The model state `new` with the leaves of frozen layers as they are in `old`.

    The state of a layer has the path of its parameters behind the name of its collection:
    {"batch_stats": {"stem": {"norm": {"mean": ...}}}} belongs to ("stem", "norm").
    """
    if not layers:
        return new
    paths = parameter_paths(new)
    new_leaves, structure = jax.tree.flatten(new)
    old_leaves = jax.tree.leaves(old)
    leaves = []
    for path, new_leaf, old_leaf in zip(paths, new_leaves, old_leaves, strict=True):
        *parents, _ = path.split("/")
        layer = tuple(parents[1:])  # without the collection
        if lies_in(layer, layers):
            leaves.append(old_leaf)
        else:
            leaves.append(new_leaf)
    return structure.unflatten(leaves)
