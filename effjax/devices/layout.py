"""Which part of the state each device of a mesh holds.

The mesh has axes `data` and `fsdp`. A batch is divided over both. Parameters, and whatever of the
optimizer state and the averages has their shapes, are divided over `fsdp` along one axis of each
array; along `data` they are copies. For the forward and backward pass every array is gathered, its
gradient goes back to its owners, and the update happens on each owner's part alone (ZeRO,
Rajbhandari et al., 2020, arXiv:1910.02054, stage 2, with the parameters divided too between steps).
"""

import math
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from effjax import optim
from effjax.errors import UserError

LARGEST = "largest"
Rule = str | int | None  # "largest", an axis, or None: a copy on every device
Rules = tuple[tuple[str, Rule], ...]


def shard_axis(shape: tuple[int, ...], rule: Rule, parts: int, least: int) -> int | None:
    """The axis along which an array is divided into `parts`, or None: it is copied.

    Args:
      rule: "largest" (the longest axis that `parts` divides; of equals the last), an axis, or None.
      least: arrays of fewer elements are copied; a rule that names an axis overrules this.

    Raises:
      ValueError: the named axis is not there or cannot be divided.
    """
    if rule is None or parts == 1:
        return None
    if rule == LARGEST:
        return None if math.prod(shape) < least else _largest_axis(shape, parts)
    axis = rule + len(shape) if rule < 0 else rule
    if not 0 <= axis < len(shape) or shape[axis] % parts:
        raise ValueError(f"axis {rule} of an array {list(shape)} cannot be cut into {parts}")
    return axis


def _largest_axis(shape: tuple[int, ...], parts: int) -> int | None:
    axes = [axis for axis, length in enumerate(shape) if length % parts == 0]
    return max(axes, key=lambda axis: (shape[axis], axis), default=None)


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
        self._mesh = mesh
        self._of_path: dict[str, tuple[tuple[int, ...], NamedSharding]] = {}
        try:
            self._choose(params, rules, least)
        except (ValueError, TypeError) as error:
            raise UserError(f"config.parallel.shard: {error}") from error
        self.params = self.of(params)

    def _choose(self, params: Any, rules: Rules, least: int) -> None:
        """Notes the shape and the sharding of every parameter."""
        chosen = optim.match_rules(rules, params, what="sharding")
        # None is a rule here, and not an empty node
        rule_of_leaf = jax.tree.leaves(chosen, is_leaf=lambda leaf: leaf is None)
        paths = optim.parameter_paths(params)
        for path, leaf, rule in zip(paths, jax.tree.leaves(params), rule_of_leaf, strict=True):
            axis = shard_axis(leaf.shape, rule, self._mesh.shape["fsdp"], least)
            spec = PartitionSpec() if axis is None else PartitionSpec(*[None] * axis, "fsdp")
            self._of_path[path] = leaf.shape, NamedSharding(self._mesh, spec)

    def of(self, tree: Any) -> Any:
        """Shardings of a tree like `params`, or of one that holds such trees (the whole state).

        An array lies as a parameter does if its path ends in that parameter's path and it has that
        parameter's shape: Adam's averages and the EMA do.
        """
        return jax.tree_util.tree_map_with_path(
            lambda path, leaf: self._of_leaf(path, leaf.shape), tree
        )

    def _of_leaf(self, path: tuple[Any, ...], shape: tuple[int, ...]) -> NamedSharding:
        for start in range(len(path)):
            tail = jax.tree_util.keystr(path[start:], simple=True, separator="/")
            parameter_shape, sharding = self._of_path.get(tail, (None, None))
            if parameter_shape == shape:
                return sharding
        return self.replicated


class Shares:
    """Inside one traced step: gathers parameters for the task, and takes each device's part again.

    XLA would gather a second time what the step only divides again at its end (twice the traffic,
    measured with jax 0.10.2). So the last gathered tree is remembered with the parts that it came
    from: a leaf that the task hands back untouched is divided by taking its old part.
    """

    def __init__(self, layout: Layout):
        self._layout = layout
        self._gathered: list[jax.Array] = []
        self._parts: list[jax.Array] = []

    def whole(self, params: Any) -> Any:
        """Every device gets all of every array."""
        if not self._layout.divides:
            return params
        whole = jax.lax.with_sharding_constraint(params, self._layout.replicated)
        self._gathered = jax.tree.leaves(whole)
        self._parts = jax.tree.leaves(params)
        return whole

    def own(self, params: Any) -> Any:
        """Each device keeps its part."""
        if not self._layout.divides:
            return params
        own = jax.lax.with_sharding_constraint(params, self._layout.params)
        leaves = jax.tree.leaves(own)
        for i, (now, before) in enumerate(zip(jax.tree.leaves(params), self._gathered)):
            if now is before:
                leaves[i] = self._parts[i]
        return jax.tree.unflatten(jax.tree.structure(own), leaves)

    def own_gradients(self, grads: Any) -> Any:
        """Each device keeps its part of what is summed over all.

        First whole, or XLA would divide the backward pass, and its activations, like the gradients.
        A sum of which each device keeps a part becomes a reduce-scatter where a backend has it.
        """
        if not self._layout.divides:
            return grads
        grads = jax.lax.with_sharding_constraint(grads, self._layout.replicated)
        return jax.lax.with_sharding_constraint(grads, self._layout.params)
