"""DPaI: masks that gain paths and revive nodes, found by gradient steps.

Xiang et al., ICLR 2025. Scores s start at random; a mask keeps the largest |s| of each layer, in
ERK densities. With G the gradient of log(paths) to s, straight through the mask, a step follows

    (1 - alpha) G + alpha ((1 - beta) G_node + beta G_kernel)

G_node is G where the output channel has no weight on a path, G_kernel where the 2-D kernel has
none.

Two facts of the published rule, from its recordings: with shortcuts log(R) as its code computes it
is no number of paths; and since every gradient is positive and Adam forgets scale, all scores grow
alike as long as no gradient is exactly 0, so the masks then never change.

Shapes: I inputs, O outputs (the last axis).
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.compress.densities import erk
from effjax.compress.programs import Program, log_paths

Scores = Mapping[str, Any]


def zeros_of(
    shapes: Mapping[str, tuple[int, ...]],
    density: float,
) -> dict[str, int]:
    """{layer: how many of its weights are dropped}, by ERK."""
    densities = erk(shapes, density)
    return {path: int((1 - densities[path]) * np.prod(shapes[path])) for path in shapes}


def masks_of(
    scores: Scores,
    zeros: Mapping[str, int],
) -> dict[str, Any]:
    """Masks that drop the smallest |s| of each layer."""
    found = {}
    for path, score in scores.items():
        size = jnp.abs(score).ravel()
        order = jnp.argsort(size)
        mask = jnp.ones(size.shape, size.dtype).at[order[: zeros[path]]].set(0.0)
        found[path] = mask.reshape(score.shape)
    return found


def live_parts(
    gradient: Scores,
    masks: Scores,
) -> tuple[dict, dict, dict]:
    """(live weights, output channels without one, kernels without one) of each layer."""
    weights = {}
    dead_nodes = {}
    dead_kernels = {}
    for path, mask in masks.items():
        live = (jnp.abs(gradient[path]) * mask) > 0
        axes = tuple(range(live.ndim - 1))
        sides = tuple(range(live.ndim - 2))
        weights[path] = live
        dead_nodes[path] = ~live.any(axes, keepdims=True)
        dead_kernels[path] = ~live.any(sides, keepdims=True)
    return weights, dead_nodes, dead_kernels


def step_direction(
    program: Program,
    scores: Scores,
    zeros: Mapping[str, int],
    alpha: float = 0.99,
    beta: float = 0.5,
    own_rule: bool = True,
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What an optimizer is given as gradient, and what is counted on the way.

    Args:
      own_rule: R as the authors' code computes it; False: the number of paths.

    Returns:
      {layer: -direction} and {"log_paths", "weights", "nodes", "kernels"}, the last three
      {layer: number}.
    """
    masks = masks_of(scores, zeros)
    value, gradient = jax.value_and_grad(lambda m: log_paths(program, m, own_rule))(masks)
    # straight through the choice of the largest |s|: d|s|/ds is the sign of s
    gradient = {path: gradient[path] * jnp.sign(scores[path]) for path in scores}
    live, dead_nodes, dead_kernels = live_parts(gradient, masks)
    direction = {}
    for path, g in gradient.items():
        revived = (1 - beta) * g * dead_nodes[path] + beta * g * dead_kernels[path]
        direction[path] = -((1 - alpha) * g + alpha * revived)
    counted = {
        "log_paths": value,
        "weights": {path: part.sum() for path, part in live.items()},
        "nodes": {path: (~part).sum() for path, part in dead_nodes.items()},
        "kernels": {path: (~part).sum() for path, part in dead_kernels.items()},
    }
    return direction, counted


def dpai_masks(
    program: Program,
    shapes: Mapping[str, tuple[int, ...]],
    density: float,
    seed: int,
    steps: int = 500,
    rate: float = 0.005,
    alpha: float = 0.99,
    beta: float = 0.5,
    own_rule: bool = False,
) -> dict[str, np.ndarray]:
    """Masks after `steps` updates of random scores by Adam.

    Args:
      program: the paths of the network.
      shapes: {path: shape of the kernel} of the layers that are pruned.
      own_rule: count as the authors' code does; by default shortcuts are counted right.
    """
    keys = jax.random.split(jax.random.key(seed), len(shapes))
    scores = {path: jax.random.normal(key, shapes[path]) for path, key in zip(shapes, keys)}
    zeros = zeros_of(shapes, density)
    optimizer = optax.adam(rate)

    def step(
        _: int,
        carried: tuple[Any, Any],
    ) -> tuple[Any, Any]:
        scores, state = carried
        direction, _ = step_direction(program, scores, zeros, alpha, beta, own_rule)
        # where no path is left at all, nothing says which way to go
        direction = jax.tree.map(jnp.nan_to_num, direction)
        updates, state = optimizer.update(direction, state)
        return optax.apply_updates(scores, updates), state

    start = (scores, optimizer.init(scores))
    scores, _ = jax.lax.fori_loop(0, steps, step, start)
    masks = masks_of(scores, zeros)
    return {path: np.asarray(mask, np.int8) for path, mask in masks.items()}
