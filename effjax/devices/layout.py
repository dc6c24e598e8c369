"""Which part of the state each device of a mesh holds.

The mesh has axes `data` and `fsdp`. A batch is divided over both. Parameters, and whatever of the
optimizer state and the averages has their shapes, are divided over `fsdp` along one axis of each
array; along `data` they are copies. For the forward and backward pass every array is gathered, its
gradient goes back to its owners, and the update happens on each owner's part alone (ZeRO,
Rajbhandari et al., 2020, arXiv:1910.02054, stage 2, with the
parameters divided too between steps).
"""

import math
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from effjax import optim
from effjax.errors import UserError

LARGEST = "largest"
Rules = tuple[tuple[str, str | int | None], ...]


def shard_axis(
    shape: tuple[int, ...], rule: str | int | None, parts: int, least: int
) -> int | None:
    """The axis along which an array is divided into `parts`, or None: it is copied.

    Args:
      rule: "largest" (of the axes that `parts` divides the longest, the last of equals), an axis,
        or None.
      least: arrays of fewer elements are copied; a rule that names an axis overrules this.

    Raises:
      ValueError: the named axis is not there or cannot be divided.
    """
    if rule is None or parts == 1:
        return None
    if rule == LARGEST:
        axes = [axis for axis, length in enumerate(shape) if length % parts == 0]
        if math.prod(shape) < least or not axes:
            return None
        return max(axes, key=lambda axis: (shape[axis], axis))
    axis = rule + len(shape) if rule < 0 else rule
    if not 0 <= axis < len(shape) or shape[axis] % parts:
        raise ValueError(f"axis {rule} of an array {list(shape)} cannot be cut into {parts}")
    return axis


class Layout:
    """Shardings of a state over a mesh.

    Args:
      mesh: with axes `data` and `fsdp`.
      params: the parameters, abstract.
      rules: (regex over the parameter path, "largest", an axis or None); the first match counts.
      least: see `shard_axis`.

    Raises:
      UserError: rules that do not cover all parameters or name an impossible axis.
    """

    def __init__(self, mesh: Mesh, params: Any, rules: Rules, least: int):
        self.replicated = NamedSharding(mesh, PartitionSpec())
        self.divides = mesh.shape["fsdp"] > 1
        parts = mesh.shape["fsdp"]
        self._of_path: dict[str, tuple[tuple[int, ...], NamedSharding]] = {}
        try:
            chosen = optim.match_rules(rules, params, what="sharding")
            leaves = zip(optim.parameter_paths(params), jax.tree.leaves(params), _values(chosen))
            for path, leaf, rule in leaves:
                axis = shard_axis(leaf.shape, rule, parts, least)
                spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, "fsdp")
                self._of_path[path] = leaf.shape, NamedSharding(mesh, spec)
        except (ValueError, TypeError) as error:
            raise UserError(f"config.parallel.shard: {error}") from error
        self.params = self.of(params)

    def of(self, tree: Any) -> Any:
        """Shardings of a tree: an array whose path ends in a parameter's, of its shape, as that."""
        leaves = jax.tree_util.tree_leaves_with_path(tree)
        shardings = [self._of_leaf(path, leaf.shape) for path, leaf in leaves]
        return jax.tree.unflatten(jax.tree.structure(tree), shardings)

    def _of_leaf(self, path: tuple[Any, ...], shape: tuple[int, ...]) -> NamedSharding:
        for start in range(len(path)):
            tail = jax.tree_util.keystr(path[start:], simple=True, separator="/")
            if tail in self._of_path and self._of_path[tail][0] == shape:
                return self._of_path[tail][1]
        return self.replicated


class Shares:
    """Inside one traced step: what each device owns of the parameters, and all of them.

    What was made whole is owned again without communication, as long as it is the same array.
    """

    def __init__(self, layout: Layout):
        self._layout = layout
        self._owned: dict[int, tuple[jax.Array, jax.Array]] = {}

    def whole(self, params: Any) -> Any:
        """Every device gets all of every array."""
        if not self._layout.divides:
            return params
        whole = jax.lax.with_sharding_constraint(params, self._layout.replicated)
        for array, owned in zip(jax.tree.leaves(whole), jax.tree.leaves(params)):
            self._owned[id(array)] = array, owned
        return whole

    def own(self, params: Any) -> Any:
        """Each device keeps its part."""
        if not self._layout.divides:
            return params

        def own(array: jax.Array, sharding: NamedSharding) -> jax.Array:
            if id(array) in self._owned:
                return self._owned[id(array)][1]
            return jax.lax.with_sharding_constraint(array, sharding)

        return jax.tree.map(own, params, self._layout.params)

    def own_gradients(self, grads: Any) -> Any:
        """Each device keeps its part of what is summed over all.

        First whole, or XLA would divide the backward pass, and its activations, like the gradients.
        A sum of which each device keeps a part becomes a reduce-scatter where a backend has it.
        """
        if not self._layout.divides:
            return grads
        grads = jax.lax.with_sharding_constraint(grads, self._layout.replicated)
        return jax.lax.with_sharding_constraint(grads, self._layout.params)


def _values(tree: Any) -> list[Any]:
    return jax.tree.leaves(tree, is_leaf=lambda leaf: leaf is None)
