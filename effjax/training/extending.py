"""A run that is made longer: how its learning rate goes on, and from which step.

    WORKDIR/until-100/    the run of 100 steps as it was, where a longer one branches off before
                          its end: a run's folder like any other

How a run was extended is written into its config (`schedule.extended`), so that the same command,
with or without the flag, continues it exactly.
"""

import dataclasses
import shutil
from pathlib import Path

import ml_collections

from effjax.config import View, is_remote
from effjax.devices.hosts import agree, is_writer
from effjax.errors import UserError
from effjax.optim.extended import History, Kind
from effjax.report import Display
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.continuing import planned_steps
from effjax.runs.folder import CHECKPOINTS, CONFIG, CURVES, SUMMARY
from effjax.runs.metrics import METRICS
from effjax.runs.record import read_config
from effjax.training.plans import make_plan
from effjax.training.setup import Setup

Extend = bool | Kind  # True: the schedule of the longer run, as if it had begun with it


@dataclasses.dataclass(frozen=True)
class Extension:
    """A run that is about to be made longer.

    Attributes:
      before: the steps that were planned until now.
      history: how it had been extended before.
      how: what the user asked for.
    """

    before: int
    history: History
    how: Extend


def adopt_history(
    workdir: Path, config: ml_collections.ConfigDict, extend: Extend
) -> Extension | None:
    """Writes into `config` how the run in a folder was extended, and is extended now.

    Args:
      workdir: the run's folder, which need not exist.
      config: what the run goes on with.
      extend: what the user asked for; False: nothing.

    Returns:
      The extension that is asked for and has not begun, if there is one.

    Raises:
      UserError: an extension that has begun in another way.
    """
    stored = read_config(workdir)
    if stored is None:
        return None
    history = tuple(tuple(entry) for entry in stored["schedule"].get("extended", ()))
    before = planned_steps(workdir)
    now = planned_steps(workdir, config)
    is_longer = before is not None and now is not None and now > before
    is_new = bool(extend) and is_longer
    extended = history
    if is_new and extend is not True:
        extended = (*history, (before, extend))
    elif extend and extend is not True:
        _check_same_way(workdir, history, extend)
    if extended:
        with config.unlocked():
            config.schedule.extended = extended
    return Extension(before, history, extend) if is_new else None


def _check_same_way(workdir: Path, history: History, extend: str) -> None:
    if not history:
        return  # the run goes on as planned
    before, kind = history[-1]
    if kind != extend:
        raise UserError(
            f"{workdir} was extended after {before} steps with --extend={kind}; got "
            f"--extend={extend}\nleave the flag out to continue it"
        )


def begin_extension(setup: Setup, extension: Extension, workdir: Path, display: Display) -> None:
    """Says how the rate goes on, and goes back to before a decay that the longer run does not have.

    What was trained past the branch is moved to `until-N`.

    Raises:
      UserError: the branch lies in a bucket, where folders cannot be moved.
    """
    steps = _saved_steps(workdir)
    if not steps:
        return  # nothing was trained that could be extended
    peak = max(section.learning_rate for section in _groups(setup.config))
    clock = dataclasses.replace(setup.clock, total_steps=extension.before)
    schedule = _with_history(setup.config.schedule, extension.history)
    old = make_plan(schedule, clock, peak)
    now = make_plan(setup.config.schedule, setup.clock, peak)
    newest = max(steps)
    on_trunk = [step for step in steps if step <= old.trunk]
    branches = extension.how != "restart" and old.trunk < newest
    start = newest
    if branches and on_trunk:
        start = max(on_trunk)
        _set_aside(workdir, extension.before, start, steps)
        display.line(
            f"branching off at step {start}, before the decay; the run of {extension.before} steps "
            f"is kept in {aside_folder(workdir, extension.before)}"
        )
    elif branches:
        display.warn(f"no checkpoint is left from before the decay (step {old.trunk})")
    elif extension.how is True:
        display.line("other ways to go on: --extend=constant, =restart or =cooldown")
    display.line(
        f"extended from {extension.before} to {setup.clock.total_steps} steps "
        f"({_in_words(extension.how)}): the learning rate is {float(old.rate(start - 1)):.3g} up "
        f"to step {start}, {float(now.rate(start)):.3g} after it"
    )


def _saved_steps(workdir: Path) -> list[int]:
    checkpoints = Checkpoints(workdir / CHECKPOINTS)
    try:
        return agree(checkpoints.steps())
    finally:
        checkpoints.close()  # what it knows of the folder is old when steps are moved


def _groups(config: View) -> list[View]:
    return [config.optim[name] for name in config.optim]


def _with_history(schedule: View, history: History) -> View:
    """The section `schedule` of a run that was extended in another way."""
    values = dict(schedule.extras())
    values["extended"] = tuple(history)
    return View(ml_collections.ConfigDict(values, type_safe=False))


def _in_words(how: Extend) -> str:
    words = {
        True: "the schedule of the longer run",
        "constant": "a constant rate",
        "restart": "the schedule begins anew",
        "cooldown": "a straight line down",
    }
    return words[how]


def aside_folder(workdir: Path, before: int) -> Path:
    """Where a run of `before` steps is kept when a longer one has branched off before its decay."""
    return workdir / f"until-{before}"


def _set_aside(workdir: Path, before: int, start: int, steps: list[int]) -> None:
    """Moves what was trained past step `start` into a run's folder of its own."""
    if is_remote(workdir):
        raise UserError(
            f"{workdir} would branch off at step {start}, and folders in a bucket cannot be moved\n"
            f"give another --workdir and --continue-from={workdir}"
        )
    if is_writer():
        aside = aside_folder(workdir, before)
        (aside / CHECKPOINTS).mkdir(parents=True, exist_ok=True)
        # the config first: from here on the folder can be evaluated
        for name in (CONFIG, METRICS):
            shutil.copy2(workdir / name, aside / name)
        for name in (SUMMARY, CURVES):
            if (workdir / name).exists():
                shutil.move(workdir / name, aside / name)
        for step in steps:
            if step > start:
                shutil.move(workdir / CHECKPOINTS / str(step), aside / CHECKPOINTS / str(step))
    # the other hosts look for checkpoints only now
    agree(True)
