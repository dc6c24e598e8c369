"""Norms of gradients and of updates, layer by layer: the columns of `log.norms_every`.

A layer is what stands first in a parameter's path, two names deep: "stages_1/blocks_0". The norms
are made in every step and read where a row is due: the program is one, and its metrics one vector
more.

Shapes: P parameters (leaves), L layers.
"""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.optim import parameter_paths

DEPTH = 2  # names of a layer
# a key of `TrainState.grad_norm` inside a step, which no group can have
LEAVES = "squares of each leaf"
METRIC = "norms"  # what a step returns: float32 [2, L], of gradients and of updates


class LayerNorms:
    """The layers of a tree of parameters.

    Args:
      params: all of them, or their shapes.

    Attributes:
      names: of the layers, L.
    """

    def __init__(self, params: Any):
        self._paths = parameter_paths(params)
        layers = [_layer(path) for path in self._paths]
        self.names = list(dict.fromkeys(layers))
        place = {name: row for row, name in enumerate(self.names)}
        self._layer_of = np.array([place[layer] for layer in layers])  # [P]
        self._place_of = {path: row for row, path in enumerate(self._paths)}

    def nothing(self) -> jax.Array:
        """Squares [P] before any gradient is seen."""
        return jnp.zeros(len(self._paths), jnp.float32)

    def seen(self, squares: jax.Array, tree: Any) -> jax.Array:
        """Squares [P] with those of the leaves that a part of the tree has."""
        rows = [self._place_of[path] for path in parameter_paths(tree)]
        return squares.at[np.array(rows)].set(_squares(tree))

    def of_update(self, new: Any, old: Any) -> jax.Array:
        """Squares [P] of the changes of all parameters."""
        change = jax.tree.map(lambda a, b: a.astype(jnp.float32) - b, new, old)
        return _squares(change)

    def by_layer(self, gradients: jax.Array, updates: jax.Array) -> jax.Array:
        """Norms [2, L] from squares [P] of gradients and of updates."""
        both = jnp.stack([gradients, updates])
        sums = jnp.zeros((2, len(self.names)), jnp.float32)
        return jnp.sqrt(sums.at[:, self._layer_of].add(both))

    def row(self, norms: np.ndarray) -> dict[str, float]:
        """Norms [2, L] as columns: "layers/grad_norm/NAME" and "layers/update_norm/NAME"."""
        columns = {}
        for kind, of_layers in zip(("grad_norm", "update_norm"), norms, strict=True):
            for name, norm in zip(self.names, of_layers, strict=True):
                columns[f"layers/{kind}/{name}"] = float(norm)
        return columns


def _layer(path: str) -> str:
    *parents, leaf = path.split("/")
    return "/".join(parents[:DEPTH]) or leaf


def _squares(tree: Any) -> jax.Array:
    """The sum of squares of each leaf, float32 [P]."""
    sums = [jnp.square(leaf.astype(jnp.float32)).sum() for leaf in jax.tree.leaves(tree)]
    return jnp.stack(sums)
