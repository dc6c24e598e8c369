"""Opens a run: what the loop works with, made ready from the config and the run's folder.

Everything that reads the config is here or in `setup`; the loop reads none of it.
"""

import contextlib
import dataclasses
import time
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jax

from effjax.contract import Evaluator
from effjax.devices.hosts import agree, is_writer
from effjax.devices.interruption import Interruption
from effjax.report import Display
from effjax.report.metric_names import best
from effjax.runs.checkpoints import Checkpoints
from effjax.runs.data_record import describe_data
from effjax.runs.folder import CHECKPOINTS
from effjax.runs.metrics import MetricWriter, NoWriter, read_rows
from effjax.runs.record import open_workdir
from effjax.runs.seeds import run_key
from effjax.training.agenda import Agenda, Resumed
from effjax.training.batch_noise import BatchNoise, check_parts
from effjax.training.between import Between
from effjax.training.early_stop import EarlyStop, catch_up, make_early_stop
from effjax.training.landscape import Landscape
from effjax.training.programs import Programs
from effjax.training.setup import Setup, check_all_read
from effjax.training.speed import Speedometer, advice
from effjax.training.start import (
    check_one_start,
    compile_ahead,
    read_by_loading,
    starting_state,
)
from effjax.training.updates import Updates

Rows = list[dict[str, Any]]  # of metrics.jsonl
ROWS = 50  # of training metrics in a run, where the config sets no period


@dataclass
class Run:
    """What the loop works with.

    Attributes:
      state: as the runner holds it.
      agenda: what is due when.
      evaluators: {name: evaluator}.
      eval_key: step i evaluates with fold_in(eval_key, i).
      keep_best: the metric whose best checkpoint is kept, or None.
      best: its best value so far, or None.
      early_stop: knows whether the run is to end before its last step.
      noise: averages the columns of `log.noise_scale`.
      landscape: measures the columns of `log.curvature_every`, or None.
      facts: of the task, for the summary.
      curves: whether a picture is drawn at the end.
      began: when it would have begun, by the monotonic clock, had it never been interrupted.
      waiting: the groups that the last update left alone, see `Task.waiting`.
    """

    setup: Setup
    workdir: Path
    display: Display
    state: Any
    agenda: Agenda
    programs: Programs
    evaluators: Mapping[str, Evaluator]
    eval_key: jax.Array
    between: Between
    checkpoints: Checkpoints
    writer: Any
    batches: Iterator[Any]
    interruption: Interruption
    updates: Updates
    speed: Speedometer
    keep_best: str | None
    best: float | None
    early_stop: EarlyStop
    noise: BatchNoise
    landscape: Landscape | None
    facts: dict[str, Any]
    curves: bool
    began: float
    waiting: Set[str] = frozenset()


def open_run(
    setup: Setup,
    programs: Programs,
    workdir: Path,
    display: Display,
    closing: contextlib.ExitStack,
) -> Run:
    """The run in a folder at its newest checkpoint, or a fresh one.

    Args:
      closing: gets what is to be closed when the run ends.

    Raises:
      UserError: anything in the config that cannot be done; nothing was written then.
    """
    now = time.monotonic()
    config = setup.config
    task = setup.task
    # read first, so that a wrong value is refused before anything is loaded
    evaluators = task.evaluators(config)
    agenda = _agenda(setup, evaluators)
    keep_best = config.checkpoint.keep_best
    early_stop = make_early_stop(config.task.early_stop)
    curves = config.log.curves
    boards = (config.log.tensorboard, config.log.wandb)
    check_parts(setup)
    landscape = None
    if agenda.curvature_every:
        landscape = Landscape(setup, display.warn)
    checkpoints = _checkpoints(setup, workdir, display, closing)
    check_one_start(config)
    display.waiting("initialising")
    newest = checkpoints.newest_sound()
    start = newest or 0
    compile_ahead(setup, programs, newest)
    # while XLA works: what counts the multiply-adds, and imports and starts the data pipeline
    facts = task.facts(setup.abstract.params, setup.source.spec)
    batches = _open_batches(setup, start, closing)
    state = starting_state(setup, checkpoints, newest, workdir, display)
    between_step = _last_between(checkpoints, start, agenda)
    # compiled before anything is written: what cannot be compiled leaves no folder behind
    programs(task.variant(start), state)
    # after all that reads the config, and before the folder says that it was used; a run that
    # goes on loads no weights, and does not read how
    check_all_read(config, besides=() if newest is None else read_by_loading(config))
    writer = _open_writer(setup, workdir, start, boards, display, closing)
    # a checkpoint counts only where the rows before it are safe
    checkpoints.before_save = writer.flush
    interruption = closing.enter_context(Interruption())
    rows = _rows_until(workdir, start)
    catch_up(early_stop, rows)
    resumed = _resumed(rows, evaluators, start, between_step)
    return Run(
        setup=setup,
        workdir=workdir,
        display=display,
        state=state,
        agenda=dataclasses.replace(agenda, resumed=resumed),
        programs=programs,
        evaluators=evaluators,
        eval_key=run_key(config.seed),
        between=Between(task, setup.source, setup.runner, between_step),
        checkpoints=checkpoints,
        writer=writer,
        batches=batches,
        interruption=interruption,
        updates=_updates(setup, workdir, display),
        speed=Speedometer(start, setup.clock.batch_size, advise=advice(setup.source, display.warn)),
        keep_best=keep_best,
        best=agree(_best_so_far(keep_best, rows)),
        early_stop=early_stop,
        noise=BatchNoise(),
        landscape=landscape,
        facts=facts,
        curves=curves,
        began=now - _seconds_before(checkpoints, start),
    )


def _updates(setup: Setup, workdir: Path, display: Display) -> Updates:
    limit = 0
    # read late: the check for unread keys leaves `nonfinite_limit` out
    if setup.config.nonfinite == "skip":
        limit = setup.config.nonfinite_limit
    return Updates(setup.runner, setup.source, workdir, limit, display.warn)


def _last_between(checkpoints: Checkpoints, start: int, agenda: Agenda) -> int:
    """The step of the last call of the task's hook; -1: there was none."""
    if not start or not agenda.between_every:
        return -1
    return checkpoints.position(start).get("between", -1)


def _seconds_before(checkpoints: Checkpoints, start: int) -> float:
    """What the run had taken when this step was saved; 0 where an older version saved it."""
    return checkpoints.position(start).get("seconds", 0.0) if start else 0.0


def _rows_until(workdir: Path, start: int) -> Rows:
    """The rows that are there up to a step, on the host that writes them."""
    if not is_writer():
        return []
    return [row for row in read_rows(workdir) if row["step"] <= start]


def _open_writer(
    setup: Setup,
    workdir: Path,
    start: int,
    boards: tuple[bool, str | None],
    display: Display,
    closing: contextlib.ExitStack,
) -> MetricWriter | NoWriter:
    """Makes the folder with its config.json, and the writer of rows; on one host only."""
    if not is_writer():
        return NoWriter()
    open_workdir(workdir, setup.config, setup.task.record(), describe_data(setup.source))
    writer = MetricWriter(workdir, start, *boards, warn=display.warn)
    closing.callback(writer.close)
    return writer


def _open_batches(setup: Setup, start: int, closing: contextlib.ExitStack) -> Iterator[Any]:
    """The batches from a step on, closed when the run ends."""
    batches = setup.source.batches(start)
    # a plain iterator, as a task may give, has nothing to close
    if hasattr(batches, "close"):
        closing.callback(batches.close)
    if hasattr(batches, "start"):
        batches.start()  # the first batch is read while the step is compiled
    return batches


def _agenda(setup: Setup, evaluators: Mapping[str, Evaluator]) -> Agenda:
    config = setup.config
    clock = setup.clock
    every = {name: clock.steps(config.evals[name], "every") for name in evaluators}
    default = clock.total_steps // ROWS  # 0 for a run of a few steps
    log_every = clock.steps(config.log, "every", default)
    return Agenda(
        total=clock.total_steps,
        evaluate_every=every,
        save_every=clock.steps(config.checkpoint, "every"),
        log_every=max(1, log_every),
        between_every=setup.task.between_every(clock),
        save_at=setup.groups.trunk,
        curvature_every=clock.steps(config.log, "curvature_every"),
        norms_every=clock.steps(config.log, "norms_every"),
    )


def _checkpoints(
    setup: Setup,
    workdir: Path,
    display: Display,
    closing: contextlib.ExitStack,
) -> Checkpoints:
    section = setup.config.checkpoint
    checkpoints = Checkpoints(
        workdir / CHECKPOINTS,
        keep_last=section.keep_last,
        keep_best=section.keep_best,
        keep_every_steps=section.keep_every_steps,
        keep_step=setup.groups.trunk,  # a longer run branches off there
        warn=display.warn,
    )
    closing.callback(checkpoints.close)  # first in, last out: after the writer of rows
    return checkpoints


def _best_so_far(metric: str | None, rows: Rows) -> float | None:
    if metric is None:
        return None
    return best(metric, [row.get(metric) for row in rows])


def _resumed(rows: Rows, names: Iterable[str], step: int, between_step: int) -> Resumed:
    """Where the run begins, and what was done at that step before."""
    evaluated = [name for name in names if _is_evaluated(rows, step, name)]
    # hosts must agree, or they would wait for each other in different evaluations
    evaluated = agree(evaluated)
    return Resumed(step, frozenset(evaluated), between=between_step == step)


def _is_evaluated(rows: Rows, step: int, name: str) -> bool:
    """Whether the evaluation `name` of this step is among the rows; it may have been broken off."""
    for row in rows:
        if row["step"] == step and any(key.startswith(f"{name}/") for key in row):
            return True
    return False
