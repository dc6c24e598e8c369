"""The state before the first update, and the moving average that follows it."""

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import jax
import jax.numpy as jnp

from effjax.contract import TrainState
from effjax.devices.runner import Runner
from effjax.startup import compile_lightly
from effjax.training import ahead
from effjax.training.device_mean import at_least_float32
from effjax.training.groups import Groups

Init = Callable[[jax.Array], tuple[Any, Any]]  # key -> (params, model_state)


class Fresh:
    """() -> the state before the first update, on the devices.

    Args:
      make: key -> state, compiled when it is called.
    """

    def __init__(self, make: jax.stages.Wrapped, key: jax.Array):
        self._make = make
        self._key = key
        self._begun: Future[jax.stages.Compiled] | None = None

    def compile_ahead(self) -> None:
        """Begins to compile; the next call waits for it."""
        self._begun = ahead.begin(self._make.lower(self._key).compile)

    def __call__(self) -> TrainState:
        if self._begun is None:
            return self._make(self._key)
        compiled = self._begun.result()
        self._begun = None  # a run makes one such state; its program is let go
        return compiled(self._key)


class States:
    """Makes states of one run: compiled functions and what is known before they run.

    Args:
      init: key -> (params, model_state).
      key: of the run.
      keeps_average: whether the state holds a moving average.

    Attributes:
      fresh: () -> the state before the first update.
      layout: which device owns which part of the parameters.
      abstract: shapes, dtypes and shardings.
      restart: (state, params, model_state) -> the state before the first update with other
        parameters.
    """

    def __init__(
        self,
        init: Init,
        key: jax.Array,
        groups: Groups,
        runner: Runner,
        keeps_average: bool,
    ):
        def start(key: jax.Array) -> TrainState:
            init_key, rng = jax.random.split(key)
            params, model_state = init(init_key)
            return init_state(groups, rng, params, model_state, keeps_average)

        def restart(state: TrainState, params: Any, model_state: Any) -> TrainState:
            return init_state(groups, state.rng, params, model_state, keeps_average)

        shapes = jax.eval_shape(start, key)
        self.layout = runner.lay_out(shapes)
        shardings = runner.state_shardings
        self.abstract = jax.tree.map(_with_sharding, shapes, shardings)
        self.restart = jax.jit(restart, out_shardings=shardings)
        options = compile_lightly(runner.mesh.devices.flat[0].platform)
        make = jax.jit(start, out_shardings=shardings, compiler_options=options)
        self.fresh = Fresh(make, key)


def _with_sharding(shape: jax.ShapeDtypeStruct, sharding: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(shape.shape, shape.dtype, sharding=sharding)


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
        evaluated = {
            "params": groups.eval_params(params, opt_state),
            "model_state": model_state,
        }
        average = jax.tree.map(_start_of_average, evaluated)
    # each an array of its own: the compiled step is given the memory of all
    norms = {name: jnp.zeros((), jnp.float32) for name in groups.transforms}
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        model_state=model_state,
        opt_state=opt_state,
        ema=average,
        rng=rng,
        grad_norm=norms,
        bad=jnp.zeros((), jnp.int32),
    )


def _start_of_average(x: jax.Array) -> jax.Array:
    # in bfloat16 an average would never move: one update changes it by less than it can resolve.
    # A copy, because the compiled step is given the memory of its arguments
    return jnp.copy(at_least_float32(x))


def moved_average(ema: Any, fresh: Any, step: jax.Array, decay: float, warmup: bool) -> Any:
    """The moving average after one more update; with `warmup` it follows quickly at first."""
    if warmup:
        at_first = (1.0 + step) / (10.0 + step)  # 0.1, 2/11, ...
        decay = jnp.minimum(decay, at_first)

    def move(old: jax.Array, new: jax.Array) -> jax.Array:
        if not jnp.issubdtype(old.dtype, jnp.floating):
            return jnp.asarray(new, old.dtype)  # of counters and masks there is no average
        moved = decay * old + (1.0 - decay) * new
        return moved.astype(old.dtype)

    return jax.tree.map(move, ema, fresh)
