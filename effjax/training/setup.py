"""From a checked config to everything a run is made of, before anything is computed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import ml_collections

from effjax import models
from effjax.config import Clock, View, check
from effjax.contract import Source, Task, TrainState
from effjax.data import open_training
from effjax.devices.choose import choose_devices, make_runner
from effjax.devices.runner import Runner
from effjax.errors import UserError
from effjax.models import TRAINING_FIELDS
from effjax.runs.dependent_keys import unread_words
from effjax.runs.schema import RunConfig
from effjax.runs.seeds import run_key
from effjax.training.first_state import Fresh, Init, States
from effjax.training.from_run import use_run
from effjax.training.groups import Groups, make_groups
from effjax.training.step import make_step


@dataclass(frozen=True)
class Setup:
    """The parts of a run.

    Attributes:
      config: the config, read-only.
      task, source, groups: see there.
      runner: how the step runs on the devices.
      clock: turns durations into steps; knows the total.
      step: step(state, batch, variant), not yet compiled.
      fresh: () -> the state before the first update, on the devices.
      restart: (state, params, model_state) -> the same with other parameters.
      abstract: the state's shapes, dtypes and shardings.
    """

    config: View
    task: Task
    source: Source
    groups: Groups
    runner: Runner
    clock: Clock
    step: Callable[..., Any]
    fresh: Fresh
    restart: Callable[[TrainState, Any, Any], TrainState]
    abstract: TrainState


def build(
    make_task: type[Task],
    config: ml_collections.ConfigDict,
    devices: Sequence[jax.Device] | None = None,
) -> Setup:
    """Checks the config against the data and the model and puts the parts together.

    Args:
      make_task: the class of the task.
      config: the config tree.
      devices: to run on, or to imagine; None: those of `config.parallel.devices`.

    Raises:
      UserError: anything in the config that cannot be done, including keys set but never read.
    """
    check(config, RunConfig)
    use_run(config)
    use_architecture(config)
    view = View(config)
    _check_measured(view, "checkpoint.keep_best", view.checkpoint.keep_best)
    _check_measured(view, "task.early_stop.metric", view.task.early_stop.metric)
    devices = list(devices or choose_devices(view.parallel.devices))
    runner = make_runner(devices, view.data.batch_size, view.accumulate, view.parallel)
    task = make_task(view, runner.batch_axis)
    _check_onednn(view, task)
    source = task.source() or open_training(view)
    runner.hold(source)
    clock = _clock(view, source.num_examples)

    key = run_key(view.seed)
    # jitted, so that it is traced once: here, and not again where the first state is made
    init = jax.jit(_initialiser(task, source), inline=True)
    params, _ = jax.eval_shape(init, key)  # shapes alone: a wrong config is refused at once
    groups = make_groups(view, clock, params, task.groups(params), task.depths)
    task.not_learned = groups.not_learned
    states = States(init, key, groups, runner, keeps_average=view.ema.decay is not None)
    return Setup(
        config=view,
        task=task,
        source=source,
        groups=groups,
        runner=runner,
        clock=clock,
        step=make_step(task, groups, view, states.layout, runner.batch_axis, source.unpack),
        fresh=states.fresh,
        restart=states.restart,
        abstract=states.abstract,
    )


def _initialiser(task: Task, source: Source) -> Init:
    """key -> (params, model_state), for batches like those of the source."""

    def init(key: jax.Array) -> tuple[Any, Any]:
        # only shapes and dtypes count; no image is read for it
        batch = {}
        for name, part in source.spec.items():
            batch[name] = jnp.zeros(part.shape, part.dtype)
        return task.init(key, batch)

    return init


def _check_onednn(view: View, task: Task) -> None:
    """Refuses calls into oneDNN where an update differentiates forwards through the network."""
    if task.takes_forward_derivatives and view.parallel.onednn:
        raise UserError(
            f"config.parallel.onednn = True: task {task.name!r} takes forward derivatives here\n"
            "calls into oneDNN have none; leave it out"
        )


def use_architecture(config: ml_collections.ConfigDict) -> None:
    """Writes the fields of the file `model.arch` into `model`: a run depends on no other's file.

    Raises:
      UserError: no such file, or one of another architecture than `model.name`.
    """
    section = config.model
    if section.arch is None:
        return
    name, fields = models.read_architecture(section.arch)
    if name != models.without_tag(section.name):
        raise UserError(
            f"config.model.arch = {section.arch!r} describes a {name}, config.model.name is "
            f"{section.name!r}\ngive --config.model.name={name}"
        )
    own = models.default_fields(name).keys() - TRAINING_FIELDS
    with section.unlocked():  # a config from the command line is locked
        for key in own.intersection(section):  # what the file leaves out is the default
            del section[key]
        section.update(fields, arch=None)


def _check_measured(view: View, key: str, metric: str | None) -> None:
    """Refuses to decide by a metric of an evaluation that is not made.

    Args:
      key: the entry of the config that names the metric.
    """
    if metric is None:
        return
    evaluation, _, _ = metric.partition("/")
    # the moving average is measured beside the weights, under a name of its own
    is_measured = evaluation in view.evals or evaluation.removesuffix("_ema") in view.evals
    if not is_measured:
        known = ", ".join(f"{name}/..." for name in view.evals)
        raise UserError(f"config.{key} = {metric!r}; measured are: {known}")


def _clock(view: View, num_examples: int) -> Clock:
    # a first clock, without a total, reads the total in steps
    clock = Clock(view.data.batch_size, num_examples)
    total = clock.steps(view, "total")
    if total == 0:
        raise UserError("the run makes no update; give --config.total_epochs=N or total_steps")
    if total is None:
        raise UserError("how long to train is not set; give --config.total_epochs=N or total_steps")
    return Clock(view.data.batch_size, num_examples, total)


# Another key decides whether these are used: a config may set them for one of its variants.
DEPENDENT_KEYS = (
    "data.augment.pad",
    "data.augment.repeats",
    "data.eval_batch_size",
    "data.synthetic_classes",
    "data.synthetic_examples",
    "data.workers",
    "nonfinite_limit",
)


def unread_keys(
    view: View, only: tuple[str, ...] = ("",), besides: tuple[str, ...] = ()
) -> list[str]:
    """Keys that were set and that nothing has read so far.

    Args:
      only: how they begin.
      besides: how those begin that are left out.
    """
    unread = [key for key in view.unread(RunConfig) if key not in DEPENDENT_KEYS]
    return [key for key in unread if key.startswith(only) and not key.startswith(besides)]


def check_all_read(
    view: View, only: tuple[str, ...] = ("",), besides: tuple[str, ...] = ()
) -> None:
    """Refuses a config with keys that were set and that nothing has read; see `unread_keys`.

    Raises:
      UserError: naming the keys.
    """
    unread = unread_keys(view, only, besides)
    if unread:
        raise UserError(unread_words(unread))
