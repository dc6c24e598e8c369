"""What is done between two updates: metrics read, evaluations, columns, checkpoints."""

import time

import jax

from effjax.report.metric_names import is_better
from effjax.training.agenda import Due
from effjax.training.evaluation import Stopped, evaluate, not_finite
from effjax.training.layer_norms import LayerNorms
from effjax.training.opening import Run

Row = dict[str, float]  # {metric: value}


def halt(run: Run, step: int, due: Due, interrupted: str | None) -> str | None:
    """Does what is due after `step` updates; returns why the run is to stop, or None."""
    read_metrics(run)
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
    position = {"train": step, "seconds": round(time.monotonic() - run.began, 2)}
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


def read_metrics(run: Run) -> None:
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
