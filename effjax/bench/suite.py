"""The verb: trains all trials of a config that have no row yet, then writes the report."""

import contextlib
import tempfile
from collections.abc import Sequence
from pathlib import Path

import ml_collections

from effjax.bench.estimate import show_bench_estimate
from effjax.bench.repeat import repeat
from effjax.bench.report import write_report
from effjax.bench.results import ResultsFolder, read_rows
from effjax.bench.schema import BenchConfig
from effjax.bench.targets import write_targets
from effjax.bench.trainer import run_missing
from effjax.bench.tuning import make_trials
from effjax.bench.workloads import (
    Workload,
    as_in_rows,
    check_same_data,
    open_workload,
    time_updates_on_largest,
)
from effjax.config import View, check
from effjax.errors import UserError, nearest
from effjax.report import Display, choose_display
from effjax.trials.plan import check_seeds

SHARED_TRUNK = "wsd"  # whose rate does not depend on the end of the run until it decays


def bench(
    config: ml_collections.ConfigDict,
    workdir: Path,
    *,
    merge: Sequence[Path] = (),
    only: Sequence[str] = (),
    only_report: bool = False,
    again: bool = False,
    make_targets: Path | None = None,
    dry_run: bool = False,
    price: float | None = None,
    display: Display | None = None,
) -> Path | None:
    """Runs what is missing and writes the report.

    Args:
      config: see `BenchConfig`.
      workdir: the folder of rows and report; the same folder continues.
      merge: folders whose rows are added first.
      only: train these optimizers and no others; the rest is compared by the rows there are.
      only_report: train nothing.
      again: train a trial of each optimizer and workload twice, and say whether it is the same.
      make_targets: write the targets that the rows give to this file.
      dry_run: train and write nothing, and say how long it would take.
      price: of an hour of this machine, for a dry run.

    Returns:
      The path of report.html; None after a dry run.

    Raises:
      UserError: anything the user can mend; a trial that raises is a row instead.
    """
    check(config, BenchConfig)
    view = View(config)
    check_config(view)
    display = display or choose_display()
    with contextlib.closing(display):
        optimizers = _named(only, view)
        for place in view.baselines:
            read_rows(Path(place))  # a missing one is reported before anything is trained
        if dry_run:
            _estimate(view, optimizers, workdir, display, price)
            return None
        results = ResultsFolder(workdir)
        for other in merge:
            display.line(f"{results.merge(other)} rows from {other}")
        workloads = _open_workloads(view, results, display)
        # a report needs the hashes of the data, and no data that fits to the rows
        if not only_report:
            check_same_data(workloads, results, display)
            workloads = time_updates_on_largest(workloads, view.population.update_cost)
            run_missing(view, optimizers, workloads, results, display)
        if again:
            repeat(view, optimizers, workloads, results, display)
        if make_targets is not None:
            write_targets(make_targets, view, workloads, results, display)
        display.waiting("writing the report")
        return write_report(view, workloads, results, display)


def _estimate(
    view: View, optimizers: Sequence[str], workdir: Path, display: Display, price: float | None
) -> None:
    """Says what is ahead; a folder that is not there stays away."""
    with tempfile.TemporaryDirectory() as empty:
        results = ResultsFolder(workdir if workdir.is_dir() else Path(empty))
        workloads = _open_workloads(view, results, display)
        show_bench_estimate(view, optimizers, workloads, results, display, price)


def _named(only: Sequence[str], view: View) -> list[str]:
    """The optimizers to train: those that --only names, or all."""
    for label in only:
        if label not in view.optimizers:
            known = nearest(label, view.optimizers)
            raise UserError(f"--only={label}: no entry of config.optimizers; {known}")
    return list(only) or list(view.optimizers)


def _open_workloads(view: View, results: ResultsFolder, display: Display) -> list[Workload]:
    rows = list(results.rows)
    for place in view.baselines:
        rows += read_rows(Path(place))
    workloads = []
    for label in view.workloads:
        display.waiting(f"reading the data of {label}")
        workloads.append(open_workload(label, view.workloads[label], view.data_dir))
    return as_in_rows(workloads, rows)


def check_config(view: View) -> None:
    """Refuses a config that could not be compared or not be trained.

    Raises:
      UserError: naming the key.
    """
    for section in ("workloads", "optimizers"):
        if not list(view[section]):
            raise UserError(f"config.{section} is empty; see configs/bench/smoke.py")
    claimed = [label for label, _ in view.claims]
    for label in (view.reference, *claimed):
        if label not in view.optimizers:
            known = nearest(label, view.optimizers)
            raise UserError(f"{label!r} is no entry of config.optimizers; {known}")
    check_seeds("config.tuning.seeds", view.tuning.seeds)
    if view.tuning.protocol == "grid" and not view.tuning.factors:
        raise UserError("config.tuning.factors is empty; give at least one, such as (1.0,)")
    _check_lengths(view)
    # makes all settings: an unknown hyperparameter is found before any data is read
    for label in view.optimizers:
        make_trials(label, view.optimizers[label], view.tuning, "constant")


def _check_lengths(view: View) -> None:
    """Refuses lengths where no stable phase could be shared.

    Raises:
      UserError: another kind of workload, or a schedule without a stable phase.
    """
    if not view.tuning.lengths:
        return
    for label in view.workloads:
        section = view.workloads[label]
        if section.problem != "recipe":
            raise UserError(
                f"config.tuning.lengths is of recipes; config.workloads.{label} is a "
                f"{section.problem!r}\nleave it out"
            )
        schedules = {section.schedule}
        schedules |= {view.optimizers[name].schedule for name in view.optimizers} - {None}
        for schedule in schedules - {SHARED_TRUNK}:
            raise UserError(
                f"config.tuning.lengths: runs with schedule {schedule!r} share no stable phase\n"
                f"set config.workloads.{label}.schedule = {SHARED_TRUNK!r}, for all optimizers"
            )
