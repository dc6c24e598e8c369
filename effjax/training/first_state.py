"""The state before the first update, and the moving average that follows it."""

from typing import Any

import jax
import jax.numpy as jnp

from effjax.contract import TrainState
from effjax.training.device_mean import at_least_float32
from effjax.training.groups import Groups


def init_state(
    groups: Groups, rng: jax.Array, params: Any, model_state: Any, ema: bool
) -> TrainState:
    """The state before the first update; no two of its arrays share memory.

    Args:
      rng: the run's key.
      ema: whether an average is kept.
    """
    opt_state = groups.init(params)
    average = None
    if ema:
        evaluated = {"params": groups.eval_params(params, opt_state), "model_state": model_state}
        average = jax.tree.map(_start_of_average, evaluated)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=model_state,
        opt_state=opt_state,
        ema=average,
        rng=rng,
        grad_norm={name: jnp.zeros((), jnp.float32) for name in groups.transforms},
        bad=jnp.zeros((), jnp.int32),
    )


def _start_of_average(x: jax.Array) -> jax.Array:
    # in bfloat16 an average would never move: one update changes it by less than it can resolve.
    # A copy, because the compiled step is given the memory of its arguments
    return jnp.copy(at_least_float32(x))


def moved_average(ema: Any, fresh: Any, step: jax.Array, decay: float, warmup: bool) -> Any:
    """The moving average after one more update; with `warmup` it follows quickly at first."""
    if warmup:
        decay = jnp.minimum(decay, (1.0 + step) / (10.0 + step))

    def move(old: jax.Array, new: jax.Array) -> jax.Array:
        moved = decay * old + (1.0 - decay) * new
        return moved.astype(old.dtype)  # counters in the model state stay integers

    return jax.tree.map(move, ema, fresh)
