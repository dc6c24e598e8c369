"""A run's parts and state, out of its folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from effjax.config import from_json
from effjax.contract import Task, TrainState
from effjax.errors import UserError
from effjax.report import Display
from effjax.runs.best import Step, averaged, best_step, last_steps
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.folder import CHECKPOINTS
from effjax.runs.record import config_of_run
from effjax.runs.schema import RunConfig, default_config
from effjax.training.device_mean import at_least_float32
from effjax.training.setup import Setup, build


def restore(
    find_task: Callable[[str], type[Task]],
    workdir: Path,
    display: Display,
    step: Step = None,
    devices: int | None = None,
    data: Mapping[str, Any] | None = None,
    task: Mapping[str, Any] | None = None,
) -> tuple[Setup, TrainState]:
    """The parts of a run and its state after `step` updates, by default the newest sound one.

    Args:
      find_task: the task class of a name.
      workdir: the run's folder.
      display: where warnings go.
      step: of the checkpoint; "best" and "average:5": see `effjax.runs.best`.
      devices: run on so many, in the default mode, instead of those of the run's config. A machine
        that has fewer than those gets the default mode too.
      data, task: entries of the run's `config.data` and `config.task` that are replaced.

    Raises:
      UserError: no run there, or no checkpoint that can be loaded.
    """

    def change(config: ml_collections.ConfigDict) -> None:
        # a run of many devices is looked at on a laptop: how it was divided is no part of its
        # result
        if devices is not None or not _fits(config):
            config.parallel.update(default_config().parallel)
            config.parallel.devices = devices
        if data is not None:
            config.data.update(data)
        if task is not None:
            config.task.update(task)

    setup = parts(find_task, workdir, change)
    return setup, state_at(setup, workdir, display, step)


def parts(
    find_task: Callable[[str], type[Task]],
    workdir: Path,
    change: Callable[[ml_collections.ConfigDict], None],
) -> Setup:
    """The parts of a run, by its config as `change` leaves it.

    Raises:
      UserError: no run there.
    """
    config = from_json(config_of_run(workdir), RunConfig)
    change(config)
    return build(find_task(config.task.name), config)


def state_at(setup: Setup, workdir: Path, display: Display, step: Step = None) -> TrainState:
    """The state of a run's checkpoint, see `restore`.

    Raises:
      UserError: no checkpoint that can be loaded.
    """
    saved = Checkpoints(workdir / CHECKPOINTS, warn=display.warn)
    try:
        count = averaged(step)
        if count is not None:
            return _average(setup, saved, last_steps(workdir, saved.steps(), count))
        if step is None:
            step = saved.newest_sound()
        elif step == "best":
            step = best_step(workdir, saved.steps())
        # None still: there is no checkpoint, or none that is sound
        if step is None or step not in saved.steps():
            listed = ", ".join(map(str, saved.steps())) or "none"
            raise UserError(f"{workdir} has no checkpoint {step or ''}; there are: {listed}")
        return saved.load(step, setup.abstract)
    finally:
        saved.close()  # its threads would keep Python from ending


def _average(setup: Setup, saved: Checkpoints, steps: list[int]) -> TrainState:
    """The newest of some states, with the mean of what is evaluated in all of them as its average.

    Stochastic weight averaging without its constant rate: Izmailov et al. 2018, arXiv:1803.05407.
    """
    total = None
    for step in steps:
        state = saved.load(step, setup.abstract)
        weights = jax.tree.map(at_least_float32, evaluated(setup, state))
        # one at a time: many states need not fit into memory together
        total = weights if total is None else jax.tree.map(jnp.add, total, weights)

    def mean(total: jax.Array, newest: jax.Array) -> jax.Array:
        if jnp.issubdtype(newest.dtype, jnp.floating):
            return total / len(steps)
        return newest  # a counter

    return state.replace(ema=jax.tree.map(mean, total, weights))


def _fits(config: ml_collections.ConfigDict) -> bool:
    """Whether this machine has devices as the config of a run wants them."""
    here = jax.device_count()
    wanted = config.parallel.devices or here
    divides = wanted % config.parallel.fsdp == 0
    return wanted <= here and divides


def evaluated(setup: Setup, state: TrainState) -> dict[str, Any]:
    """{"params": ..., "model_state": ...} as one would use them: the average if there is one."""
    if state.ema is not None:
        return state.ema
    params = setup.groups.eval_params(state.params, state.opt_state)
    return {"params": params, "model_state": state.model_state}
