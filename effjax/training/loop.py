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
from effjax.report.metric_names import is_better
from effjax.runs.atomic import write_atomically
from effjax.runs.continuing import check_continues, check_same_data
from effjax.runs.data_record import describe_data
from effjax.runs.folder import CURVES, SUMMARY, check_writable, read_summary
from effjax.runs.lock import RunLock
from effjax.runs.metrics import read_rows
from effjax.runs.summary import summarise, summary_table
from effjax.training.agenda import Due
from effjax.training.continue_from import check_continue_from
from effjax.training.evaluation import Stopped, evaluate, not_finite
from effjax.training.extending import Extend, Extension, adopt_history, begin_extension
from effjax.training.layer_norms import LayerNorms
from effjax.training.opening import Run, open_run
from effjax.training.programs import Programs, memory_explained
from effjax.training.setup import Setup, build

Row = dict[str, float]  # {metric: value}
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
    began = time.monotonic()
    with contextlib.ExitStack() as closing:
        run = open_run(setup, programs, workdir, display, closing)
        step = make_updates(run)
        state = setup.runner.gather(run.state)
        learned = setup.runner.whole((state.params, state.model_state, state.ema))
    rows = read_rows(workdir)
    images = step * setup.clock.batch_size
    seconds = time.monotonic() - began
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
                interrupted = _halt(run, step, due, interrupted)
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
    """Does what a last step does and was not `done` at this one; returns as `_halt` does."""
    run.display.line(f"step {step}  {run.early_stop}: ended before step {run.agenda.total}")
    last = run.agenda.at(step, ended=True)
    rest = [name for name in last.evaluate if name not in done.evaluate]
    # saved anew even where it was just saved: the last state has to be safe
    due = Due(between=False, evaluate=tuple(rest), save=last.save, last=True)
    return _halt(run, step, due, interrupted=None)


def _halt(run: Run, step: int, due: Due, interrupted: str | None) -> str | None:
    """Does what is due after `step` updates; returns why the run is to stop, or None."""
    _read_metrics(run)
    if due.between:
        run.display.waiting("between two updates")
        run.state = run.between(run.state, step)
    if due.curvature:
        run.display.waiting("looking at the landscape")
        run.writer.write(step, run.landscape(run.state, step))
    row = {}
    try:
        row = _evaluate(run, step, due.evaluate)
    except Stopped as stopped:
        # its rows are not written: the run that goes on makes the evaluation anew
        interrupted = str(stopped)
    improved = _improves(run, row)
    if due.save or improved or interrupted:
        _save(run, step, row, must_succeed=due.last or bool(interrupted))
    return interrupted


def _improves(run: Run, row: Row) -> bool:
    """Whether the metric of `keep_best` is better than ever; NaN never is."""
    if run.keep_best is None:
        return False
    value = row.get(run.keep_best)
    if not is_better(run.keep_best, value, than=run.best):
        return False
    run.best = value
    return True


def _save(run: Run, step: int, row: Row, must_succeed: bool) -> None:
    position = {"train": step}
    if run.between.step >= 0:
        position["between"] = run.between.step
    state = run.setup.runner.gather(run.state)
    run.checkpoints.save(state, position, row, must_succeed)


def _evaluate(run: Run, step: int, names: tuple[str, ...]) -> Row:
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
    run.early_stop.see({"step": step, **row})
    run.display.result(step, row)
    if warning := not_finite(row):
        run.display.warn(f"step {step}: {warning}")
    decides = {
        "checkpoint.keep_best": run.keep_best,
        "task.early_stop.metric": run.early_stop.metric,
    }
    for key, metric in decides.items():
        if _is_missing(metric, names, row):
            run.display.warn(f"{key} = {metric!r} is not measured")
    return row


def _is_missing(metric: str | None, names: tuple[str, ...], row: Row) -> bool:
    """Whether an evaluation that should have given a metric has not."""
    if metric is None or metric in row:
        return False
    evaluation = metric.partition("/")[0].removesuffix("_ema")
    return evaluation in names


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
    _read_metrics(run)
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


def _read_metrics(run: Run) -> None:
    """Reads the metrics of the update that is under way, and writes them where a row is due.

    Raises:
      NonFinite: the update was not finite, and too many were.
    """
    settled = run.updates.settle()
    if settled is None:
        return
    step, values = settled
    run.noise.see(values)
    shown = {name: value for name, value in values.items() if name.startswith("train/")}
    run.display.update(step, shown)
    norms = {}
    if run.agenda.logs_norms(step):
        norms = LayerNorms(run.setup.abstract.params).row(run.updates.norms)
    if not run.agenda.logs(step):
        if norms:
            run.writer.write(step, norms)
        return
    values |= norms
    values |= run.speed.read(step)
    values |= run.noise.read()
    values["perf/compile_sec"] = round(run.programs.seconds, 3)
    if unreadable := getattr(run.batches, "skipped", 0):
        values["data/skipped"] = unreadable
    if run.updates.may_skip:
        values["optim/skipped"] = run.updates.skipped
    run.writer.write(step, values)


def _is_over(summary: Summary, total: int) -> bool:
    return summary["step"] == total or summary.get("ended_early", False)
