"""The hook between two updates: what a task computes outside the compiled step."""

from typing import Any

import jax
import jax.numpy as jnp

from effjax.contract import Source, Task, TrainState
from effjax.devices.runner import Runner


class Between:
    """Calls `task.between` and puts the model state that it returns onto the devices.

    Attributes:
      step: the step of the last call, -1 before the first; part of what is saved.
    """

    def __init__(self, task: Task, source: Source, runner: Runner, step: int = -1):
        self._task = task
        self._source = source
        self._runner = runner
        self.step = step

    def __call__(self, state: Any, step: int) -> Any:
        """The state, as the runner holds it, after the hook.

        Raises:
          ValueError: other arrays than those of the model state.
        """
        ordinary: TrainState = self._runner.gather(state)
        made = self._task.between(ordinary, step, self._source)
        self.step = step
        if made is None:
            return state
        _check_same(made, ordinary.model_state)
        # where the compiled step expects them, or it would have to be compiled anew
        shardings = self._runner.state_shardings.model_state
        made = jax.tree.map(_put_like, made, ordinary.model_state, shardings)
        return self._runner.place(ordinary.replace(model_state=made))


def _put_like(new: Any, old: jax.Array, sharding: Any) -> jax.Array:
    return jax.device_put(jnp.asarray(new, old.dtype), sharding)


def _check_same(made: Any, old: Any) -> None:
    """The compiled step takes one shape and dtype of each array."""
    described = jax.tree.map(_describe, made)
    wanted = jax.tree.map(_describe, old)
    if described != wanted:
        raise ValueError(f"`between` returned {described}; the model state has {wanted}")


def _describe(leaf: Any) -> tuple[Any, Any]:
    # by JAX's functions: a task may return NumPy arrays and Python numbers
    return jnp.shape(leaf), jnp.result_type(leaf)
