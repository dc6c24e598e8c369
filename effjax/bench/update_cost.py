"""What an optimizer's update costs by itself, on the parameters of a workload."""

import math
import time
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.bench.member import Recipe
from effjax.bench.problems import Problem
from effjax.bench.tuning import OptimizerTrial

ROUNDS = 15  # the fastest counts: whatever else the machine does only adds time
FLOAT_BYTES = 4


def parameter_count(problem: Problem) -> int:
    """How many numbers are learned."""
    # shapes alone: nothing is drawn or allocated
    params, _ = jax.eval_shape(problem.init, jax.random.key(0))
    return _size(params)


def update_cost(
    problem: Problem, recipe: Recipe, trial: OptimizerTrial, timed: bool
) -> dict[str, Any]:
    """Of one update: the fastest of some rounds, what XLA counts as moved, and the state.

    Args:
      timed: compile the update and time it; else only sizes are given.

    Returns:
      {"parameters": count, "state_bytes": of the optimizer, "update_ms": milliseconds or None,
      "update_moves": arrays of parameter size read and written, by XLA's own count}. An optimizer
      that needs the loss function itself has no update alone: None for both, as where not `timed`.
    """
    params = zero_params(problem)
    settings = {key: trial.settings[key] for key in recipe.traced}
    tx = recipe.transform(settings)
    state = jax.eval_shape(tx.init, params)
    size = _size(params)
    milliseconds = None
    moves = None
    if timed:
        milliseconds, moved_bytes = time_update(tx, params)
        if moved_bytes is not None:
            moves = round(moved_bytes / (FLOAT_BYTES * size), 2)
    return {
        "parameters": size,
        "state_bytes": _bytes(state),
        "update_ms": milliseconds,
        "update_moves": moves,
    }


def _size(tree: Any) -> int:
    return sum(leaf.size for leaf in jax.tree.leaves(tree))


def _bytes(tree: Any) -> int:
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


def time_update(tx: optax.GradientTransformation, params: Any) -> tuple[float | None, float | None]:
    """(milliseconds of the fastest round, bytes that XLA counts); None where there is no answer."""
    state = jax.jit(tx.init)(params)
    # any gradient will do: the time does not depend on its values
    grads = jax.tree.map(jnp.ones_like, params)

    def update(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
        updates, state = tx.update(grads, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    # donated as in training: else XLA would copy the state, and the copy would be timed
    jitted = jax.jit(update, donate_argnums=(0, 1))
    try:
        program = jitted.lower(params, state, grads).compile()
    except (TypeError, ValueError):
        # it asks for the loss or its function, which an update alone does not have
        return None, None
    fastest = math.inf  # seconds
    for _ in range(ROUNDS):
        since = time.perf_counter()
        params, state = program(params, state, grads)
        jax.block_until_ready(params)
        taken = time.perf_counter() - since
        fastest = min(fastest, taken)
    # some backends count nothing
    analysis = program.cost_analysis() or {}
    milliseconds = round(1e3 * fastest, 5)
    return milliseconds, analysis.get("bytes accessed")


def zero_params(problem: Problem) -> Any:
    """Zeros of the shapes of the problem's parameters."""
    params, _ = jax.eval_shape(problem.init, jax.random.key(0))
    return jax.tree.map(lambda p: jnp.zeros(p.shape, p.dtype), params)
