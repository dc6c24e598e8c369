"""Which parameters are weights of layers: kernels of convolutions and linear layers.

Trees of scores and masks look like the parameters, with None where a leaf is no such weight.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.tree_util import keystr, tree_flatten_with_path, tree_map_with_path

KERNEL = "kernel"
SCALE = "scale"


def is_weight(path: tuple[Any, ...], leaf: Any) -> bool:
    """Whether a leaf is the kernel of a convolution or of a linear layer."""
    return path[-1].key == KERNEL and leaf.ndim >= 2


def layer_weights(params: Any) -> Any:
    """The weights of convolutions and linear layers; None for every other leaf."""
    return tree_map_with_path(lambda path, leaf: leaf if is_weight(path, leaf) else None, params)


def fill_in(params: Any, weights: Any) -> Any:
    """`params` with the leaves of `weights` in their places; None leaves a parameter as it is."""

    def choose(own: Array, new: Array | None) -> Array:
        return own if new is None else new

    return jax.tree.map(choose, params, weights, is_leaf=_is_none)


def by_layer(tree: Any) -> dict[str, Array]:
    """{"stages_0/blocks_0/mlp/fc1": array} of a tree of scores."""
    leaves, _ = tree_flatten_with_path(tree)
    return {keystr(path[:-1], simple=True, separator="/"): leaf for path, leaf in leaves}


def total(tree: Any) -> Array:
    """The sum of all entries of a tree of scores."""
    return sum((leaf.sum() for leaf in jax.tree.leaves(tree)), start=jnp.zeros(()))


def _is_none(leaf: Any) -> bool:
    return leaf is None
