"""Which weights and nodes lie on a path from the input to the output.

A network that has been pruned blindly holds weights that nothing reaches, or that lead nowhere.

Shapes: I inputs of a layer (the last axis of a kernel but one), O its outputs (the last axis).
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.programs import Program, log_paths


@dataclasses.dataclass(frozen=True)
class Effective:
    """What masks leave of a network.

    Attributes:
      log_paths: logarithm of the number of paths from input to output; -inf: none is left.
      log_paths_own_rule: the same as DPaI's code counts it, which shortcuts mislead.
      kept, live: weights that are kept, and those of them that lie on a path.
      nodes: output channels with a weight that lies on a path, over all layers.
      inputs, outputs: {layer: the same for its input and its output channels}.
    """

    log_paths: float
    log_paths_own_rule: float
    kept: int
    live: int
    nodes: int
    inputs: dict[str, int]
    outputs: dict[str, int]


def shares_of_paths(
    program: Program,
    masks: Mapping[str, Any],
) -> dict[str, Any]:
    """{layer: for each weight the share of all paths that take it}, or would if it were kept.

    Zero for a weight on no path, kept or not. All are zero where no path is left.
    """

    def count(values: Mapping[str, Any]) -> Any:
        output, _ = program.run(values)
        total = output.array.sum()
        # the gradient of the logarithm, without one where the number is 0
        return total / jnp.maximum(jax.lax.stop_gradient(total), jnp.finfo(total.dtype).tiny)

    return jax.grad(count)(dict(masks))


def live_weights(
    program: Program,
    masks: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    """{layer: whether each weight is kept and lies on a path}."""
    shares = jax.jit(lambda values: shares_of_paths(program, values))(_floats(masks))
    return _alive(masks, shares)


def _alive(
    masks: Mapping[str, Any],
    shares: Mapping[str, Any],
) -> dict[str, np.ndarray]:
    alive = {}
    for path, mask in masks.items():
        alive[path] = (np.asarray(mask) != 0) & (np.asarray(shares[path]) != 0)
    return alive


def _floats(masks: Mapping[str, Any]) -> dict[str, Any]:
    return {path: jnp.asarray(mask, jnp.result_type(float)) for path, mask in masks.items()}


def channels(
    weights: Any,
    axis: int,
) -> int:
    """How many channels of an axis have a weight that is not 0."""
    alive = np.asarray(weights) != 0
    others = tuple(number for number in range(alive.ndim) if number != axis % alive.ndim)
    return int(alive.any(others).sum())


def effective(
    program: Program,
    masks: Mapping[str, Any],
) -> Effective:
    """Paths, live weights and nodes of a network under masks."""

    @jax.jit
    def measure(values: Mapping[str, Any]) -> tuple[Any, Any, Any]:
        shares = shares_of_paths(program, values)
        return shares, log_paths(program, values), log_paths(program, values, own_rule=True)

    shares, paths, own_paths = measure(_floats(masks))
    live = _alive(masks, shares)
    outputs = {path: channels(weights, -1) for path, weights in live.items()}
    return Effective(
        log_paths=float(paths),
        log_paths_own_rule=float(own_paths),
        kept=sum(int(np.count_nonzero(mask)) for mask in masks.values()),
        live=sum(int(weights.sum()) for weights in live.values()),
        nodes=sum(outputs.values()),
        inputs={path: channels(weights, -2) for path, weights in live.items()},
        outputs=outputs,
    )
