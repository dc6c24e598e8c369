"""Runs whose config names their task: what is below gets the class, what is above gives a name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.contract import TrainState
from effjax.report import Display
from effjax.runs.best import Step
from effjax.tasks.registry import find_task
from effjax.training import loop, setup
from effjax.training import restore as restoring
from effjax.training.extending import Extend
from effjax.training.setup import Setup


def train(
    config: ml_collections.ConfigDict,
    workdir: str | Path,
    *,
    extend: Extend = False,
    display: Display | None = None,
) -> dict[str, Any]:
    """Trains what the config describes, or continues it, and returns the summary.

    Args:
      config: a config tree as `effjax.default_config()` gives it, changed as wanted.
      workdir: the run's folder; the same folder continues the same run.
      extend: allow a longer `total_*` than the workdir was made with. True: with the schedule of
        the longer run; "constant", "restart" or "cooldown": how the learning rate goes on.
      display: where progress is shown; None chooses by the terminal.

    Returns:
      What is in summary.json: final and best metrics, wall time, images, parameters, paths.

    Raises:
      UserError: anything the user can mend; nothing was written then.
      NonFinite: an update was not finite and `config.nonfinite` says to stop.
      Preempted: a signal asked for the end; the state was saved.
    """
    # the only place where a run's task goes from a name to a class
    task = find_task(config.task.name)
    return loop.train(task, config, workdir, extend=extend, display=display)


def build(config: ml_collections.ConfigDict, devices: Sequence[jax.Device] | None = None) -> Setup:
    """The parts of a run, before anything is computed.

    Args:
      config: the config tree.
      devices: to run on, or to imagine; None: those of `config.parallel.devices`.

    Raises:
      UserError: anything in the config that cannot be done.
    """
    return setup.build(find_task(config.task.name), config, devices)


def restore(
    workdir: Path,
    display: Display,
    step: Step = None,
    devices: int | None = None,
    data: Mapping[str, Any] | None = None,
    task: Mapping[str, Any] | None = None,
) -> tuple[Setup, TrainState]:
    """The parts of a run and its state after `step` updates, by default the newest sound one.

    Args:
      workdir: the run's folder.
      display: where warnings go.
      step: of the checkpoint; "best" and "average:5": see `effjax.runs.best`.
      devices: run on so many, in the default mode, instead of those of the run's config. A machine
        that has fewer than those gets the default mode too.
      data, task: entries of the run's `config.data` and `config.task` that are replaced.

    Raises:
      UserError: no run there, or no checkpoint that can be loaded.
    """
    return restoring.restore(find_task, workdir, display, step, devices, data, task)
