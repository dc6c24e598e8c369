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


def shard_axis(
    shape: tuple[int, ...],
    rule: Rule,
    parts: int,
    least: int,
) -> int | None:
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
        # a gather of a small array costs more time than its copies cost memory
        small = math.prod(shape) < least
        return None if small else _largest_axis(shape, parts)
    rank = len(shape)
    axis = rule % rank if -rank <= rule < rank else None
    if axis is None or shape[axis] % parts:
        raise ValueError(f"axis {rule} of an array {list(shape)} cannot be cut into {parts}")
    return axis


def _largest_axis(shape: tuple[int, ...], parts: int) -> int | None:
    best = None
    for axis, length in enumerate(shape):
        if length % parts:
            continue
        if best is None or length >= shape[best]:
            best = axis
    return best


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
        self._mesh = mesh
        self._parts = mesh.shape["fsdp"]
        self.divides = self._parts > 1
        self.replicated = NamedSharding(mesh, PartitionSpec())
        self._shapes: dict[str, tuple[int, ...]] = {}  # by the parameter's path
        self._shardings: dict[str, NamedSharding] = {}
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
        leaves = jax.tree.leaves(params)
        for path, leaf, rule in zip(paths, leaves, rule_of_leaf, strict=True):
            axis = shard_axis(leaf.shape, rule, self._parts, least)
            self._shapes[path] = leaf.shape
            self._shardings[path] = self._along(axis)

    def _along(self, axis: int | None) -> NamedSharding:
        """The sharding that divides one axis over `fsdp`; None: a copy on every device."""
        if axis is None:
            return self.replicated
        before = [None] * axis
        return NamedSharding(self._mesh, PartitionSpec(*before, "fsdp"))

    def of(self, tree: Any) -> Any:
        """Shardings of a tree like `params`, or of one that holds such trees (the whole state).

        An array lies as a parameter does if its path ends in that parameter's path and it has that
        parameter's shape: Adam's averages and the EMA do.
        """
        return jax.tree_util.tree_map_with_path(self._of_leaf, tree)

    def _of_leaf(self, path: tuple[Any, ...], leaf: Any) -> NamedSharding:
        for start in range(len(path)):
            tail = jax.tree_util.keystr(path[start:], simple=True, separator="/")
            # factored averages (Adafactor) have a parameter's path and another shape
            if self._shapes.get(tail) == leaf.shape:
                return self._shardings[tail]
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
        now, structure = jax.tree.flatten(params)
        parts = jax.tree.leaves(own)
        for i, before in enumerate(self._gathered):
            untouched = now[i] is before
            if untouched:
                parts[i] = self._parts[i]
        return jax.tree.unflatten(structure, parts)

    def own_gradients(self, grads: Any) -> Any:
        """Each device keeps its part of what is summed over all.

        A sum of which each device keeps a part becomes a reduce-scatter where a backend has it.
        """
        if not self._layout.divides:
            return grads
        # whole first: else XLA divides the backward pass, and its activations, as the gradients
        grads = jax.lax.with_sharding_constraint(grads, self._layout.replicated)
        return jax.lax.with_sharding_constraint(grads, self._layout.params)
