"""What an optimizer's update costs by itself, on the parameters of a workload."""

import time
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from effjax.bench.member import Recipe
from effjax.bench.population import zeros_like_params
from effjax.bench.problems import Problem
from effjax.bench.tuning import Trial

ROUNDS = 15


def parameter_count(problem: Problem) -> int:
    """How many numbers are learned."""
    params, _ = jax.eval_shape(problem.init, jax.random.key(0))
    return sum(p.size for p in jax.tree.leaves(params))


def update_cost(problem: Problem, recipe: Recipe, trial: Trial, timed: bool) -> dict[str, Any]:
    """Of one update: the fastest of some rounds, what XLA counts as moved, and the state.

    Args:
      timed: compile the update and time it; else only sizes are told.

    Returns:
      {"parameters": count, "state_bytes": of the optimizer, "update_ms": milliseconds or None,
      "update_moves": arrays of parameter size read and written, by XLA's own count}. An optimizer
      that needs the loss function itself has no update alone: None for both, as where not `timed`.
    """
    params = zeros_like_params(problem)
    settings = {key: trial.settings[key] for key in recipe.traced}
    tx = recipe.transform(settings)
    size = sum(p.size for p in jax.tree.leaves(params))
    state = jax.eval_shape(tx.init, params)
    found: dict[str, Any] = {
        "parameters": size,
        "state_bytes": sum(s.size * s.dtype.itemsize for s in jax.tree.leaves(state)),
        "update_ms": None,
        "update_moves": None,
    }
    if not timed:
        return found
    state, grads = jax.jit(tx.init)(params), jax.tree.map(jnp.ones_like, params)

    def update(params: Any, state: Any, grads: Any) -> tuple[Any, Any]:
        updates, state = tx.update(grads, state, params)
        return jax.tree.map(jnp.add, params, updates), state

    try:
        program = jax.jit(update, donate_argnums=(0, 1)).lower(params, state, grads).compile()
    except (TypeError, ValueError):
        return found
    seconds = []
    for _ in range(ROUNDS):
        since = time.perf_counter()
        params, state = program(params, state, grads)
        jax.block_until_ready(params)
        seconds.append(time.perf_counter() - since)
    moved = (program.cost_analysis() or {}).get("bytes accessed", float("nan"))
    found["update_ms"] = round(1e3 * min(seconds), 5)
    found["update_moves"] = None if np.isnan(moved) else round(moved / (4 * size), 2)
    return found
