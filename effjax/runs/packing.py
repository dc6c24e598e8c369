"""A tree of many arrays as few: what is small travels together.

Orbax takes about a millisecond a leaf. So all leaves of up to `SMALL` elements are joined, one host
array a dtype; the large ones go as they are, divided over devices or not.
"""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.contract import TrainState

SMALL = 65536  # elements; leaves up to this size are packed together


def leaf_paths(tree: Any) -> list[str]:
    """Slash-joined paths of the leaves, in the order of `jax.tree.leaves`."""
    return [
        jax.tree_util.keystr(path, simple=True, separator="/")
        for path, _ in jax.tree_util.tree_leaves_with_path(tree)
    ]


def _is_small(leaf: Any) -> bool:
    return leaf.size <= SMALL


def _on_every_device(tree: Any) -> Any:
    """Arrays that are divided over devices, whole on each of them; others as they are."""
    divided = [leaf for leaf in jax.tree.leaves(tree) if not leaf.sharding.is_fully_replicated]
    if not divided:
        return tree
    return _replicate_over(divided[0].sharding.mesh)(tree)


@functools.lru_cache(maxsize=4)
def _replicate_over(mesh: jax.sharding.Mesh) -> Callable[[Any], Any]:
    """Made once for each mesh: a fresh function at each save would be traced and compiled anew."""
    return jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, PartitionSpec()))


def pack(tree: Any) -> dict[str, Any]:
    """The tree as {"large": {path: leaf}, "small": {dtype: small leaves as one host array}}."""
    small: dict[str, list[jax.Array]] = {}
    large = {}
    for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree)):
        if _is_small(leaf):
            small.setdefault(str(leaf.dtype), []).append(leaf)
        else:
            large[path] = leaf
    joined = {
        kind: np.concatenate([np.ravel(leaf) for leaf in jax.device_get(leaves)])
        for kind, leaves in _on_every_device(small).items()
    }
    return {"large": large, "small": joined}


def abstract_pack(tree: Any) -> dict[str, Any]:
    """What `pack` gives for a tree of ShapeDtypeStructs."""
    large, lengths = {}, {}
    for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree)):
        if _is_small(leaf):
            lengths[str(leaf.dtype)] = lengths.get(str(leaf.dtype), 0) + leaf.size
        else:
            large[path] = leaf
    small = {kind: np.empty(length, jnp.dtype(kind)) for kind, length in lengths.items()}
    return {"large": large, "small": small}


def unpack(packed: dict[str, Any], like: Any) -> Any:
    """The inverse of `pack`, for the structure, shapes, dtypes and shardings of `like`."""
    used = dict.fromkeys(packed["small"], 0)
    leaves = []
    for path, leaf in zip(leaf_paths(like), jax.tree.leaves(like)):
        if not _is_small(leaf):
            leaves.append(packed["large"][path])
            continue
        kind = str(leaf.dtype)
        start, used[kind] = used[kind], used[kind] + leaf.size
        leaves.append(packed["small"][kind][start : used[kind]].reshape(leaf.shape))
    placed = [_placed(leaf, spec.sharding) for leaf, spec in zip(leaves, jax.tree.leaves(like))]
    return jax.tree.unflatten(jax.tree.structure(like), placed)


def _placed(leaf: Any, sharding: jax.sharding.Sharding) -> jax.Array:
    """A host array, the same on all hosts, as a global one; arrays of Orbax's lie right already."""
    if isinstance(leaf, jax.Array) or sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    return jax.make_array_from_callback(leaf.shape, sharding, lambda part: leaf[part])


def plain_keys(state: TrainState) -> TrainState:
    return state.replace(rng=jax.random.key_data(state.rng))


def describe(state: Any) -> dict[str, str]:
    """{path: "float32[3, 3]"} of every leaf: what a checkpoint must agree with to be loaded."""
    tree = jax.eval_shape(plain_keys, state) if isinstance(state, TrainState) else state
    return {
        path: f"{leaf.dtype}{list(leaf.shape)}"
        for path, leaf in zip(leaf_paths(tree), jax.tree.leaves(tree))
    }
