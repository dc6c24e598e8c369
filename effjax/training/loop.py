"""The training loop: it knows no task, no model and no optimizer by name.

The order is part of the contract. At step i the loop evaluates and saves what is true after i
updates, then makes update i + 1. The metrics of an update are read after the next one has been
sent off, so that the device never waits for the host; but whether update i was finite is known
before anything at i is evaluated or saved.
"""

import contextlib
import json
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.config import as_path
from effjax.contract import Task
from effjax.devices.hosts import agree, is_writer
from effjax.devices.interruption import Interruption
from effjax.errors import NonFinite, Preempted
from effjax.report import Display, choose_display, plot_run
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.folder import (
    CHECKPOINTS,
    CURVES,
    SUMMARY,
    check_continues,
    check_writable,
    open_workdir,
    read_summary,
    write_bad_batch,
)
from effjax.runs.metrics import MetricWriter, NoWriter, read_rows, write_atomically
from effjax.runs.summary import is_loss, summarise, summary_table
from effjax.training.evaluation import Stopped, evaluate
from effjax.training.programs import Programs, memory_explained
from effjax.training.setup import Setup, build, check_all_read
from effjax.training.speed import Speedometer, advice


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
        check_continues(workdir, setup.config, extend)
        total = setup.clock.total_steps
        finished = read_summary(workdir)
        if agree(finished is not None and _is_over(finished, total)):
            display.line(
                f"{workdir} is finished: {finished['step']} steps were made; nothing to do"
            )
            return finished
        if is_writer():
            check_writable(workdir)
        programs = Programs(setup, display)
        with memory_explained(setup, programs):
            summary = _run(setup, programs, workdir, display)
        display.table("done", summary_table(summary, workdir))
        return summary


def _run(setup: Setup, programs: Programs, workdir: Path, display: Display) -> dict[str, Any]:
    config, task, runner, clock = setup.config, setup.task, setup.runner, setup.clock
    total, batch_size, began = clock.total_steps, config.data.batch_size, time.monotonic()

    # --------------------------------------------------------------- all that the config asks for
    evaluators = task.evaluators(config)
    eval_every = {name: clock.steps(config.evals[name], "every") for name in evaluators}
    save_every = clock.steps(config.checkpoint, "every")
    log_every = max(1, clock.steps(config.log, "every", total // 50))
    keep_best, limit = config.checkpoint.keep_best, config.nonfinite_limit
    skips, draws, init_from = config.nonfinite == "skip", config.log.curves, config.init_from
    boards = config.log.tensorboard, config.log.wandb
    facts = task.facts(setup.abstract.params, setup.source.spec)
    eval_key = jax.random.key(config.seed)
    # fake devices share one thread pool: queued collectives may starve each other
    wait_each_step = jax.default_backend() == "cpu" and jax.device_count() > 1

    with contextlib.ExitStack() as stack:
        saved = Checkpoints(
            workdir / CHECKPOINTS,
            keep_last=config.checkpoint.keep_last,
            keep_best=keep_best,
            keep_every_steps=config.checkpoint.keep_every_steps,
            warn=display.warn,
        )
        stack.callback(saved.close)

        # ------------------------------------- the state: a checkpoint, else init_from, else fresh
        display.waiting("initialising")
        start = saved.newest_sound()
        if start is not None:
            state = saved.load(start, setup.abstract)
            display.line(f"continuing {workdir} from step {start}")
        else:
            start, state = 0, setup.fresh()
        if init_from is not None and start == 0:
            params, model_state = runner.whole((state.params, state.model_state))
            params, model_state, report = task.load(params, model_state, init_from)
            state = setup.restart(state, params, model_state)
            display.line(f"started from {init_from}: {_in_words(report)}")
        state = runner.place(state)

        # ------------------------------------------------------------------- the step, and the data
        programs(task.variant(start), state)
        check_all_read(config)
        if is_writer():
            open_workdir(workdir, config, task.record())
            writer = MetricWriter(workdir, start, *boards, warn=display.warn)
        else:
            writer = NoWriter()
        stack.callback(writer.close)
        batches = setup.source.batches(start)
        stack.callback(getattr(batches, "close", lambda: None))
        interruption = stack.enter_context(Interruption())
        pending: tuple[int, Any] | None = None
        speed = Speedometer(start, batch_size, advise=advice(setup.source, display.warn))
        skipped = 0

        def settle() -> None:
            """Reads the metrics of the last update: was it finite, and is a row due."""
            nonlocal pending, skipped
            if pending is None:
                return
            (step, metrics), pending = pending, None
            values = {name: float(value) for name, value in runner.fetch(metrics).items()}
            bad = int(values.pop("bad"))
            if bad and (not skips or bad >= limit):
                saved_as = write_bad_batch(workdir, step, setup.source, values)
                raise NonFinite(
                    f"update {step} is not finite (gradient norm {_norms(values)}); stopped; its "
                    f"batch is named in {saved_as}\n"
                    "try a lower learning rate, optim.<group>.clip_norm, or --config.nonfinite=skip"
                )
            if bad:
                skipped += 1
                display.warn(f"update {step} is not finite and was left out")
            display.update(step, {k: v for k, v in values.items() if k.startswith("train/")})
            if step % log_every == 0 or step == total:
                values |= speed.read(step) | {"perf/compile_sec": round(programs.seconds, 3)}
                if unreadable := getattr(batches, "skipped", 0):
                    values["data/skipped"] = unreadable
                writer.write(step, values | ({"optim/skipped": skipped} if skips else {}))

        def measure(step: int, names: list[str]) -> dict[str, float]:
            """Evaluates and writes the row."""
            if not names:
                return {}
            display.waiting("evaluating")
            chosen = {name: evaluators[name] for name in names}
            key = jax.random.fold_in(eval_key, step)
            row = evaluate(state, chosen, setup.groups, runner, key, interruption.poll)
            writer.write(step, row)
            display.result(step, row)
            if keep_best and keep_best.partition("/")[0] in names and keep_best not in row:
                display.warn(f"checkpoint.keep_best = {keep_best!r} is not measured")
            return row

        # --------------------------------------------------------------------------------- the loop
        rows = [row for row in read_rows(workdir) if row["step"] <= start] if is_writer() else []
        best = agree(_best(rows, keep_best))
        measured = agree([name for name in evaluators if _is_measured(rows, start, name)])
        display.start(total, start, batch_size)
        for step in range(start, total + 1):
            last, asked = step == total, interruption.poll()
            names = [n for n, every in eval_every.items() if last or _is_due(step, every)]
            names = [] if asked else [n for n in names if step > start or n not in measured]
            due = step > 0 and any(_is_due(step, every) for every in eval_every.values())
            if due and not last and task.done(runner.gather(state)):
                display.line(f"step {step}  the task asks for no more: ended before step {total}")
                fresh = [n for n in eval_every if step > start or n not in measured]
                last, names = True, [] if asked else fresh
            saves = last or asked or _is_due(step, save_every) or saved.retries()
            if step > 0 and (names or (saves and step > start)):
                with speed.paused():
                    settle()
                    row = {}
                    try:
                        row = measure(step, names)
                    except Stopped as stopped:
                        asked = str(stopped)
                    if _is_better(row.get(keep_best), best, keep_best):
                        best, saves = row[keep_best], True
                    if saves or asked:
                        safely = last or bool(asked)
                        saved.save(runner.gather(state), {"train": step}, row, safely)
            if asked:
                raise Preempted(f"{asked}: saved at step {step}; the same command continues")
            if last:
                break
            with speed.waiting():
                batch = runner.send(next(batches))
            state, metrics = programs(task.variant(step), state)(state, batch)
            settle()
            pending = step + 1, metrics
            if wait_each_step:
                jax.block_until_ready(metrics)
        state = runner.gather(state)
        learned = runner.whole((state.params, state.model_state, state.ema))

    rows = read_rows(workdir)
    summary = summarise(rows, state.params, step, step * batch_size, time.monotonic() - began)
    summary |= {"ended_early": True} if step < total else {}
    summary |= facts
    if is_writer():
        params, model_state, ema = jax.device_get(learned)
        task.finish(state.replace(params=params, model_state=model_state, ema=ema), workdir)
        if draws:
            plot_run(rows, workdir / CURVES, title=str(workdir))
        write_atomically(workdir / SUMMARY, json.dumps(summary, indent=2) + "\n")
    return summary


def _is_measured(rows: list[dict[str, Any]], step: int, name: str) -> bool:
    """Whether the evaluation `name` of this step is among the rows; it may have been broken off."""
    found = (key for row in rows if row["step"] == step for key in row)
    return any(key.startswith(f"{name}/") for key in found)


def _is_over(summary: dict[str, Any], total: int) -> bool:
    return summary["step"] == total or summary.get("ended_early", False)


def _is_due(step: int, every: int | None) -> bool:
    return bool(every) and step > 0 and step % every == 0


def _is_better(value: float | None, best: float | None, metric: str | None) -> bool:
    if value is None or math.isnan(value):
        return False
    return best is None or (value < best if is_loss(metric) else value > best)


def _best(rows: list[dict[str, Any]], metric: str | None) -> float | None:
    values = [row[metric] for row in rows if row.get(metric) is not None]
    if not values:
        return None
    return min(values) if is_loss(metric) else max(values)


def _norms(values: dict[str, float]) -> str:
    return ", ".join(f"{v:g}" for k, v in values.items() if k.startswith("optim/grad_norm"))


def _in_words(report: Mapping[str, Any]) -> str:
    return ", ".join(f"{len(names)} {kind}" for kind, names in report.items() if names)
