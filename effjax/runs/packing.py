"""Packs a tree of many arrays into few.

Orbax takes about a millisecond a leaf. So all leaves of up to `SMALL` elements are joined into one
host array for each dtype; the large ones stay as they are, divided over devices or not.
"""

import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.contract import TrainState
from effjax.errors import UserError

SMALL = 65536  # elements; leaves up to this size are packed together


def leaf_paths(tree: Any) -> list[str]:
    """Slash-joined paths of the leaves, in the order of `jax.tree.leaves`."""
    return [path for path, _ in _with_paths(tree)]


def _with_paths(tree: Any) -> Iterator[tuple[str, Any]]:
    for keys, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield jax.tree_util.keystr(keys, simple=True, separator="/"), leaf


def _is_small(leaf: Any) -> bool:
    return leaf.size <= SMALL


def _on_every_device(tree: Any) -> Any:
    """Arrays that are divided over devices, whole on each of them; others as they are."""
    for leaf in jax.tree.leaves(tree):
        if not leaf.sharding.is_fully_replicated:
            # all at once: a program for each leaf would cost more than the gathers
            return _replicate_over(leaf.sharding.mesh)(tree)
    return tree


@functools.lru_cache(maxsize=4)
def _replicate_over(mesh: jax.sharding.Mesh) -> Callable[[Any], Any]:
    """Made once for each mesh: a fresh function at each save would be traced and compiled anew."""
    return jax.jit(lambda tree: tree, out_shardings=NamedSharding(mesh, PartitionSpec()))


def pack(tree: Any) -> dict[str, Any]:
    """The tree as {"large": {path: leaf}, "small": {dtype: small leaves as one host array}}."""
    large = {}
    small: dict[str, list[jax.Array]] = {}
    for path, leaf in _with_paths(tree):
        if _is_small(leaf):
            small.setdefault(str(leaf.dtype), []).append(leaf)
        else:
            large[path] = leaf
    fetched = jax.device_get(_on_every_device(small))
    joined = {}
    for dtype, leaves in fetched.items():
        joined[dtype] = np.concatenate([np.ravel(leaf) for leaf in leaves])
    return {"large": large, "small": joined}


def abstract_pack(tree: Any) -> dict[str, Any]:
    """What `pack` gives for a tree of ShapeDtypeStructs."""
    large = {}
    lengths: dict[str, int] = {}
    for path, leaf in _with_paths(tree):
        dtype = str(leaf.dtype)
        if _is_small(leaf):
            lengths[dtype] = lengths.get(dtype, 0) + leaf.size
        else:
            large[path] = leaf
    # Orbax takes a host array as a request for one; its values are not read
    small = {dtype: np.empty(length, jnp.dtype(dtype)) for dtype, length in lengths.items()}
    return {"large": large, "small": small}


def unpack(packed: dict[str, Any], like: Any) -> Any:
    """The inverse of `pack`, for the structure, shapes, dtypes and shardings of `like`."""
    used = dict.fromkeys(packed["small"], 0)  # elements taken so far of each joined array
    leaves = []
    for path, spec in _with_paths(like):
        if _is_small(spec):
            dtype = str(spec.dtype)
            start = used[dtype]
            used[dtype] += spec.size
            leaf = packed["small"][dtype][start : used[dtype]].reshape(spec.shape)
        else:
            leaf = packed["large"][path]
        leaves.append(placed(leaf, spec.sharding))
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def unpack_described(packed: dict[str, Any], described: dict[str, str]) -> dict[str, np.ndarray]:
    """{path: host array} of what `pack` gave, without the tree that it was.

    Args:
      described: what `describe` gave for the tree, in its order.
    """
    used = dict.fromkeys(packed["small"], 0)
    leaves = {}
    for path, text in described.items():
        spec = as_described(text)
        if _is_small(spec):
            dtype = str(spec.dtype)
            start = used[dtype]
            used[dtype] += spec.size
            leaves[path] = packed["small"][dtype][start : used[dtype]].reshape(spec.shape)
        else:
            leaves[path] = packed["large"][path]
    return leaves


def abstract_described(described: dict[str, str]) -> dict[str, Any]:
    """What `pack` gives for a tree that `describe` has described; large leaves as host arrays."""
    specs = {path: as_described(text) for path, text in described.items()}
    large = {}
    lengths: dict[str, int] = {}
    for path, spec in specs.items():
        dtype = str(spec.dtype)
        if _is_small(spec):
            lengths[dtype] = lengths.get(dtype, 0) + spec.size
        else:
            large[path] = np.empty(spec.shape, spec.dtype)
    small = {dtype: np.empty(length, jnp.dtype(dtype)) for dtype, length in lengths.items()}
    return {"large": large, "small": small}


def as_described(text: str) -> jax.ShapeDtypeStruct:
    """The shape and dtype that "float32[3, 3]" stands for."""
    dtype, _, sizes = text.partition("[")
    shape = [int(size) for size in sizes.rstrip("]").split(",") if size]
    return jax.ShapeDtypeStruct(shape, jnp.dtype(dtype))


def placed(leaf: Any, sharding: jax.sharding.Sharding) -> jax.Array:
    """A leaf onto its devices; large ones come from Orbax as they are to lie."""
    if isinstance(leaf, jax.Array) or sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    # every host has all of a small leaf, and device_put takes no device of another host
    return jax.make_array_from_callback(leaf.shape, sharding, lambda part: leaf[part])


def plain_keys(state: TrainState) -> TrainState:
    """The state with its random key as plain numbers: Orbax takes no keys."""
    return state.replace(rng=jax.random.key_data(state.rng))


def describe(state: Any) -> dict[str, str]:
    """{path: "float32[3, 3]"} of every leaf: what a checkpoint must agree with to be loaded."""
    tree = jax.eval_shape(plain_keys, state) if isinstance(state, TrainState) else state
    return {path: f"{leaf.dtype}{list(leaf.shape)}" for path, leaf in _with_paths(tree)}


def require_same(saved: Mapping[str, str], wanted: Mapping[str, str], folder: Any) -> None:
    """Refuses the checkpoint `folder` if its leaves, as `describe` says them, are not those wanted.

    Raises:
      UserError: naming the first leaf that differs.
    """
    paths = sorted({**saved, **wanted})
    differing = [path for path in paths if saved.get(path) != wanted.get(path)]
    if not differing:
        return
    path = differing[0]
    raise UserError(
        f"{folder} is of another model or optimizer: {path} is {saved.get(path, 'absent')} there "
        f"and {wanted.get(path, 'absent')} here ({len(differing)} differences)\n"
        "give another --workdir, or --config.init_from to take over parameters only"
    )
