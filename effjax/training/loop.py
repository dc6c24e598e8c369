"""The training loop: it knows no task, no model and no optimizer by name, and reads no config.

The order is part of the contract (see `agenda`). At step i the loop evaluates and saves what is
true after i updates, then makes update i + 1. The metrics of an update are read after the next one
was sent, so that the device never waits for the host; but whether update i was finite is known
before anything at i is evaluated or saved.
"""

import contextlib
import json
import time
from collections.abc import Set
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.config import as_path
from effjax.contract import Task
from effjax.devices.hosts import agree, is_writer
from effjax.errors import Preempted
from effjax.report import Display, choose_display, plot_run
from effjax.runs.atomic import write_atomically
from effjax.runs.continuing import check_continues, check_same_data
from effjax.runs.data_record import describe_data
from effjax.runs.folder import CURVES, SUMMARY, check_writable, read_summary
from effjax.runs.lock import RunLock
from effjax.runs.metrics import read_rows
from effjax.runs.summary import summarise, summary_table
from effjax.training.agenda import Due
from effjax.training.continue_from import check_continue_from
from effjax.training.extending import Extend, Extension, adopt_history, begin_extension
from effjax.training.halt import halt, read_metrics
from effjax.training.opening import Run, open_run
from effjax.training.programs import Programs, memory_explained
from effjax.training.setup import Setup, build

Summary = dict[str, Any]  # what summary.json holds


def train(
    make_task: type[Task],
    config: ml_collections.ConfigDict,
    workdir: str | Path,
    *,
    extend: Extend = False,
    display: Display | None = None,
) -> Summary:
    """Trains what the config describes, or continues it, and returns the summary.

    Args:
      make_task: the class of the task that `config.task` describes.
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
    if not is_writer():
        display = choose_display(quiet=True)  # one host speaks for all
    display = display or choose_display()
    workdir = as_path(workdir)
    with contextlib.closing(display):
        extension = adopt_history(workdir, config, extend)
        display.waiting("reading the data")
        setup = build(make_task, config)
        check_continue_from(setup.config.continue_from, workdir)
        # what is refused leaves no folder behind, so it is refused before the lock makes one
        check_continues(workdir, setup.config, bool(extend))
        if is_writer():
            check_writable(workdir)
        with RunLock(workdir, display.warn):
            return _train_alone(setup, workdir, extension, display)


def _train_alone(
    setup: Setup, workdir: Path, extension: Extension | None, display: Display
) -> Summary:
    """Trains, or continues, while no other process writes to the folder."""
    # again, as the process before may just have begun it
    check_continues(workdir, setup.config, extension is not None)
    check_same_data(workdir, describe_data(setup.source))
    finished = read_summary(workdir)
    # host 0 decides: on a shared disk the others may not see its files yet
    if agree(finished is not None and _is_over(finished, setup.clock.total_steps)):
        steps = finished["step"]
        display.line(f"{workdir} is finished: {steps} steps were made; nothing to do")
        return finished
    if extension is not None:
        begin_extension(setup, extension, workdir, display)
    programs = Programs(setup, display)
    with memory_explained(setup, programs):
        summary = _run(setup, programs, workdir, display)
    display.table("done", summary_table(summary, workdir))
    return summary


def _run(setup: Setup, programs: Programs, workdir: Path, display: Display) -> Summary:
    with contextlib.ExitStack() as closing:
        run = open_run(setup, programs, workdir, display, closing)
        step = make_updates(run)
        state = setup.runner.gather(run.state)
        learned = setup.runner.whole((state.params, state.model_state, state.ema))
    rows = read_rows(workdir)
    images = step * setup.clock.batch_size
    seconds = time.monotonic() - run.began
    summary = summarise(rows, state.params, step, images, seconds) | run.facts
    if setup.groups.not_learned:
        summary["learned_parameters"] = setup.groups.count_learned(state.params)
    if step < setup.clock.total_steps:
        summary["ended_early"] = True
        if run.early_stop.is_due:
            summary["early_stop"] = run.early_stop.facts()
    if is_writer():
        params, model_state, ema = jax.device_get(learned)
        state = state.replace(params=params, model_state=model_state, ema=ema)
        setup.task.finish(state, workdir)
        # last but for the picture: where there is a summary, the run is finished
        write_atomically(workdir / SUMMARY, json.dumps(summary, indent=2) + "\n")
        if run.curves:
            _draw(rows, workdir, display)
    return summary


def _draw(rows: list[dict[str, Any]], workdir: Path, display: Display) -> None:
    """Draws the curves. A run that has no picture is a finished run all the same."""
    try:
        plot_run(rows, workdir / CURVES, title=str(workdir))
    except Exception as error:  # matplotlib reads the title as TeX and raises errors of many types
        reason = str(error).partition("\n")[0] or type(error).__name__
        display.warn(f"{workdir / CURVES} could not be drawn: {reason}")


def make_updates(run: Run) -> int:
    """Makes one update after another, with all that is due between them; returns the last step.

    Raises:
      NonFinite: an update was not finite, and too many were.
      Preempted: the run was asked to stop; the state was saved.
    """
    step = run.agenda.resumed.step
    batch_size = run.setup.clock.batch_size
    run.display.start(run.agenda.total, step, batch_size)
    while True:
        interrupted = run.interruption.poll()
        ended = _ends_early(run, step)
        retries = run.checkpoints.retries()
        due = run.agenda.at(step, bool(interrupted), ended, retries)
        if due.halts:
            with run.speed.paused():
                interrupted = halt(run, step, due, interrupted)
        is_over = due.last
        if run.early_stop.is_due and not interrupted and not is_over:
            is_over = True
            interrupted = _stop_early(run, step, due)
        if interrupted:
            raise Preempted(f"{interrupted}: saved at step {step}; the same command continues")
        if is_over:
            return step
        _update(run, step)
        step += 1


def _ends_early(run: Run, step: int) -> bool:
    """Asks the task, where it may be asked, whether it wants no further update."""
    if not run.agenda.may_end(step):
        return False
    state = run.setup.runner.gather(run.state)
    ends = run.setup.task.done(state)
    if ends:
        total = run.agenda.total
        run.display.line(f"step {step}  the task asks for no more: ended before step {total}")
    return ends


def _stop_early(run: Run, step: int, done: Due) -> str | None:
    """Does what a last step does and was not `done` at this one; returns as `halt` does."""
    run.display.line(f"step {step}  {run.early_stop}: ended before step {run.agenda.total}")
    last = run.agenda.at(step, ended=True)
    rest = [name for name in last.evaluate if name not in done.evaluate]
    # saved anew even where it was just saved: the last state has to be safe
    due = Due(between=False, evaluate=tuple(rest), save=last.save, last=True)
    return halt(run, step, due, interrupted=None)


def _update(run: Run, step: int) -> None:
    """Sends off update `step + 1`, then reads the metrics of the one before it."""
    setup = run.setup
    with run.speed.waiting():
        batch = setup.runner.send(next(run.batches))
    variant = setup.task.variant(step)
    _say_what_learns(run, step, setup.task.waiting(variant))
    # compiled when a variant is first asked for
    program = run.programs(variant, run.state)
    run.state, metrics = program(run.state, batch)
    # after the next update was sent: the device works while the host reads
    read_metrics(run)
    run.updates.send(step + 1, metrics)
    # fake devices share one thread pool: queued collectives may starve each other
    if jax.default_backend() == "cpu" and jax.device_count() > 1:
        jax.block_until_ready(metrics)


def _say_what_learns(run: Run, step: int, waiting: Set[str]) -> None:
    """Says how many parameters learn from here on, where that changes."""
    if waiting == run.waiting:
        return
    run.waiting = waiting
    params = run.setup.abstract.params
    learned = run.setup.groups.count_learned(params, waiting)
    total = sum(leaf.size for leaf in jax.tree.leaves(params))
    run.display.line(f"step {step}  learning {learned:,} of {total:,} parameters")


def _is_over(summary: Summary, total: int) -> bool:
    return summary["step"] == total or summary.get("ended_early", False)
