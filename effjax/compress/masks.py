"""Masks: trees of 0 and 1 like the parameters, with None where nothing is pruned.

A mask makes a network no faster: XLA multiplies by the zeros. What it gives is a sparse network of
the same shapes; `shrink` makes networks that are smaller in truth.

Shapes: O outputs of a layer (the last axis of a kernel), I its inputs (the axis before).
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.errors import UserError
from effjax.optim import parameter_paths

KERNEL = "kernel"  # how layers call the weights that are pruned; scales and biases never are
Masks = Any  # a tree like the parameters


def prunable(
    params: Any,
    keep: str | None = None,
) -> dict[str, Any]:
    """{path: kernel} of the weights that masks may take away, in the order of the tree.

    Args:
      params: of a network.
      keep: a regular expression over paths, such as "head|stem"; what it matches stays dense.

    Raises:
      UserError: nothing is left, or `keep` is no regular expression.
    """
    try:
        kept = re.compile(keep) if keep else None
    except re.error as error:
        raise UserError(f"keep={keep!r} is not a regular expression: {error}") from error
    found = {}
    for path, leaf in zip(parameter_paths(params), jax.tree.leaves(params), strict=True):
        is_kernel = path.rpartition("/")[2] == KERNEL and leaf.ndim >= 2
        if is_kernel and not (kept and kept.search(path)):
            found[path] = leaf
    if not found:
        raise UserError(f"no weights are left to prune: keep={keep!r} matches every kernel")
    return found


def insert(
    params: Any,
    weights: Mapping[str, Any],
) -> Any:
    """`params` with the leaves at the paths of `weights` replaced by these."""
    leaves, structure = jax.tree.flatten(params)
    paths = parameter_paths(params)
    chosen = [weights.get(path, leaf) for path, leaf in zip(paths, leaves, strict=True)]
    return structure.unflatten(chosen)


def as_tree(
    params: Any,
    masks: Mapping[str, Any],
) -> Masks:
    """{path: mask} as a tree like `params`, with None where there is no mask."""
    leaves = [masks.get(path) for path in parameter_paths(params)]
    return jax.tree.structure(params).unflatten(leaves)


def apply_masks(
    params: Any,
    masks: Mapping[str, Any],
) -> Any:
    """`params` with every masked weight set to 0: exactly, also where it was not finite.

    Args:
      params: a tree of parameters, or of anything else that has their form (gradients, averages).
      masks: {path: mask}.
    """

    def masked(
        path: str,
        leaf: Any,
    ) -> Any:
        mask = masks.get(path)
        if mask is None:
            return leaf
        return jnp.where(mask != 0, leaf, jnp.zeros((), leaf.dtype))

    leaves, structure = jax.tree.flatten(params)
    paths = parameter_paths(params)
    chosen = [masked(path, leaf) for path, leaf in zip(paths, leaves, strict=True)]
    return structure.unflatten(chosen)


def under_masks(
    tx: optax.GradientTransformation,
    masks: Mapping[str, Any],
) -> optax.GradientTransformationExtraArgs:
    """An optimizer whose masked weights stay 0, whatever it adds: updates, decay, noise.

    The gradient of a masked weight counts in no norm. The parameters have to be masked when the
    optimizer is made: slow weights and averages start from them.

    Example:
        >>> tx = under_masks(optax.adamw(1e-3), {"w": jnp.array([1, 0])})
        >>> params = {"w": jnp.array([1.0, 0.0])}
        >>> updates, _ = tx.update({"w": jnp.ones(2)}, tx.init(params), params)
        >>> float(updates["w"][1])
        0.0
    """
    inner = optax.with_extra_args_support(tx)

    def update(
        updates: Any,
        state: Any,
        params: Any = None,
        **extra: Any,
    ) -> tuple[Any, Any]:
        masked = apply_masks(updates, masks)
        changed, state = inner.update(masked, state, params, **extra)
        return apply_masks(changed, masks), state

    return optax.GradientTransformationExtraArgs(inner.init, update)


# --------------------------------------------------------------------------- what a mask keeps


def ones_like(weights: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Masks that keep everything."""
    return {path: np.ones(weight.shape, np.int8) for path, weight in weights.items()}


def kept_counts(masks: Mapping[str, Any]) -> dict[str, int]:
    """{path: number of weights that are kept}."""
    return {path: int(np.count_nonzero(mask)) for path, mask in masks.items()}


def density(masks: Mapping[str, Any]) -> float:
    """The share of all maskable weights that is kept."""
    total = sum(math.prod(mask.shape) for mask in masks.values())
    return sum(kept_counts(masks).values()) / total


def shuffled(
    masks: Mapping[str, Any],
    seed: int,
) -> dict[str, np.ndarray]:
    """A sanity arm: each layer keeps as many weights, at random places.

    Frankle et al. 2021, https://arxiv.org/abs/2009.08576: masks at initialisation often train as
    well shuffled, so that a method has to be seen beside this one.
    """
    rng = np.random.default_rng(seed)
    found = {}
    for path, mask in masks.items():
        flat = np.asarray(mask).ravel()
        found[path] = rng.permuted(flat).reshape(mask.shape)
    return found
