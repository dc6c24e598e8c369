"""The training loop: it knows no task, no model and no optimizer by name, and reads no config.

The order is part of the contract (see `agenda`). At step i the loop evaluates and saves what is
true after i updates, then makes update i + 1. The metrics of an update are read after the next one
was sent, so that the device never waits for the host; but whether update i was finite is known
before anything at i is evaluated or saved.
"""

import contextlib
import json
import time
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.config import as_path
from effjax.contract import Task
from effjax.devices.hosts import agree, is_writer
from effjax.errors import Preempted
from effjax.report import Display, choose_display, plot_run
from effjax.report.metric_names import is_better
from effjax.runs.atomic import write_atomically
from effjax.runs.continuing import check_continues, check_same_data
from effjax.runs.data_record import describe_data
from effjax.runs.folder import CURVES, SUMMARY, check_writable, read_summary
from effjax.runs.lock import RunLock
from effjax.runs.metrics import read_rows
from effjax.runs.summary import summarise, summary_table
from effjax.training.agenda import Due
from effjax.training.evaluation import Stopped, evaluate, not_finite
from effjax.training.opening import Run, open_run
from effjax.training.programs import Programs, memory_explained
from effjax.training.setup import Setup, build


def train(
    make_task: type[Task],
    config: ml_collections.ConfigDict,
    workdir: str | Path,
    *,
    extend: bool = False,
    display: Display | None = None,
) -> dict[str, Any]:
    """Trains what the config describes, or continues it, and returns the summary.

    Args:
      make_task: the class of the task that `config.task` describes.
      config: a config tree as `effjax.default_config()` gives it, changed as wanted.
      workdir: the run's folder; the same folder continues the same run.
      extend: allow a longer `total_*` than the workdir was made with.
      display: where progress is shown; None chooses by the terminal.

    Returns:
      What is in summary.json: final and best metrics, wall time, images, parameters, paths.

    Raises:
      UserError: anything the user can mend; nothing was written then.
      NonFinite: an update was not finite and `config.nonfinite` says to stop.
      Preempted: a signal asked for the end; the state was saved.
    """
    display = (display or choose_display()) if is_writer() else choose_display(quiet=True)
    workdir = as_path(workdir)
    with contextlib.closing(display):
        display.waiting("reading the data")
        setup = build(make_task, config)
        # what is refused leaves no folder behind, so it is refused before the lock makes one
        check_continues(workdir, setup.config, extend)
        if is_writer():
            check_writable(workdir)
        with RunLock(workdir, display.warn):
            return _train_alone(setup, workdir, extend, display)


def _train_alone(setup: Setup, workdir: Path, extend: bool, display: Display) -> dict[str, Any]:
    """Trains, or continues, while no other process writes to the folder."""
    check_continues(workdir, setup.config, extend)  # the process before may just have begun it
    check_same_data(workdir, describe_data(setup.source))
    finished = read_summary(workdir)
    if agree(finished is not None and _is_over(finished, setup.clock.total_steps)):
        steps = finished["step"]
        display.line(f"{workdir} is finished: {steps} steps were made; nothing to do")
        return finished
    programs = Programs(setup, display)
    with memory_explained(setup, programs):
        summary = _run(setup, programs, workdir, display)
    display.table("done", summary_table(summary, workdir))
    return summary


def _run(setup: Setup, programs: Programs, workdir: Path, display: Display) -> dict[str, Any]:
    began = time.monotonic()
    with contextlib.ExitStack() as closing:
        run = open_run(setup, programs, workdir, display, closing)
        step = make_updates(run)
        state = setup.runner.gather(run.state)
        learned = setup.runner.whole((state.params, state.model_state, state.ema))
    rows = read_rows(workdir)
    images, seconds = step * setup.clock.batch_size, time.monotonic() - began
    summary = summarise(rows, state.params, step, images, seconds) | run.facts
    if step < setup.clock.total_steps:
        summary["ended_early"] = True
    if is_writer():
        params, model_state, ema = jax.device_get(learned)
        state = state.replace(params=params, model_state=model_state, ema=ema)
        setup.task.finish(state, workdir)
        write_atomically(workdir / SUMMARY, json.dumps(summary, indent=2) + "\n")
        if run.curves:
            _draw(rows, workdir, display)
    return summary


def _draw(rows: list[dict[str, Any]], workdir: Path, display: Display) -> None:
    """Draws the curves. A run that has no picture is a finished run all the same."""
    try:
        plot_run(rows, workdir / CURVES, title=str(workdir))
    except Exception as error:  # matplotlib reads the title as TeX and raises errors of many types
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        display.warn(f"{workdir / CURVES} could not be drawn: {reason}")


def make_updates(run: Run) -> int:
    """Makes one update after another, with all that is due between them; returns the last step.

    Raises:
      NonFinite: an update was not finite, and too many were.
      Preempted: the run was asked to stop; the state was saved.
    """
    step = run.agenda.resumed.step
    run.display.start(run.agenda.total, step, run.setup.clock.batch_size)
    while True:
        interrupted = run.interruption.poll()
        ended = _ends_early(run, step)
        retries = run.checkpoints.retries()
        due = run.agenda.at(step, bool(interrupted), ended, retries)
        if due.halts:
            with run.speed.paused():
                interrupted = _halt(run, step, due, interrupted)
        if interrupted:
            raise Preempted(f"{interrupted}: saved at step {step}; the same command continues")
        if due.last:
            return step
        _update(run, step)
        step += 1


def _ends_early(run: Run, step: int) -> bool:
    """Asks the task, where it may be asked, whether it wants no further update."""
    if not run.agenda.may_end(step):
        return False
    ends = run.setup.task.done(run.setup.runner.gather(run.state))
    if ends:
        total = run.agenda.total
        run.display.line(f"step {step}  the task asks for no more: ended before step {total}")
    return ends


def _halt(run: Run, step: int, due: Due, interrupted: str | None) -> str | None:
    """Does what is due after `step` updates; returns why the run is to stop, or None."""
    _read_metrics(run)
    if due.between:
        run.display.waiting("between two updates")
        run.state = run.between(run.state, step)
    row = {}
    try:
        row = _evaluate(run, step, due.evaluate)
    except Stopped as stopped:
        interrupted = str(stopped)
    better = run.keep_best is not None and is_better(
        run.keep_best, row.get(run.keep_best), than=run.best
    )
    if better:
        run.best = row[run.keep_best]
    if due.save or better or interrupted:
        position = {"train": step}
        if run.between.step >= 0:
            position["between"] = run.between.step
        must_succeed = due.last or bool(interrupted)
        run.checkpoints.save(run.setup.runner.gather(run.state), position, row, must_succeed)
    return interrupted


def _evaluate(run: Run, step: int, names: tuple[str, ...]) -> dict[str, float]:
    """Evaluates and writes the row.

    Raises:
      Stopped: the run was asked to stop.
    """
    if not names:
        return {}
    run.display.waiting("evaluating")
    chosen = {name: run.evaluators[name] for name in names}
    key = jax.random.fold_in(run.eval_key, step)
    setup = run.setup
    row = evaluate(run.state, chosen, setup.groups, setup.runner, key, run.interruption.poll)
    run.writer.write(step, row)
    run.display.result(step, row)
    if warning := not_finite(row):
        run.display.warn(f"step {step}: {warning}")
    if run.keep_best is not None:
        asked_for = run.keep_best.partition("/")[0].removesuffix("_ema") in names
        if asked_for and run.keep_best not in row:
            run.display.warn(f"checkpoint.keep_best = {run.keep_best!r} is not measured")
    return row


def _update(run: Run, step: int) -> None:
    """Sends off update `step + 1`, then reads the metrics of the one before it."""
    setup = run.setup
    with run.speed.waiting():
        batch = setup.runner.send(next(run.batches))
    program = run.programs(setup.task.variant(step), run.state)
    run.state, metrics = program(run.state, batch)
    _read_metrics(run)
    run.updates.send(step + 1, metrics)
    # fake devices share one thread pool: queued collectives may starve each other
    if jax.default_backend() == "cpu" and jax.device_count() > 1:
        jax.block_until_ready(metrics)


def _read_metrics(run: Run) -> None:
    """Reads the metrics of the update that is under way, and writes them where a row is due.

    Raises:
      NonFinite: the update was not finite, and too many were.
    """
    settled = run.updates.settle()
    if settled is None:
        return
    step, values = settled
    run.display.update(step, {k: v for k, v in values.items() if k.startswith("train/")})
    if not run.agenda.logs(step):
        return
    values |= run.speed.read(step)
    values["perf/compile_sec"] = round(run.programs.seconds, 3)
    if unreadable := getattr(run.batches, "skipped", 0):
        values["data/skipped"] = unreadable
    if run.updates.may_skip:
        values["optim/skipped"] = run.updates.skipped
    run.writer.write(step, values)


def _is_over(summary: dict[str, Any], total: int) -> bool:
    return summary["step"] == total or summary.get("ended_early", False)
