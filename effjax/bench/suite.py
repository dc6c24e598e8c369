"""The verb: all trials of a config that have no row yet, then the report."""

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import ml_collections

from effjax.bench.member import Member, Recipe, make_recipe, traceable
from effjax.bench.opened import Workload, open_workload, time_updates_on_largest
from effjax.bench.page import write_report
from effjax.bench.population import Plan, Program, choose_plan, even, run_program
from effjax.bench.recipes import run_recipe
from effjax.bench.results import FAILED, Results, Row, failed_row, make_row, read_rows
from effjax.bench.schema import BenchConfig
from effjax.bench.targets import write_targets
from effjax.bench.tuning import Trial, make_trials
from effjax.bench.update_cost import update_cost
from effjax.config import View, check
from effjax.errors import Preempted, UserError, nearest
from effjax.report import Display, choose_display

RUNS = "runs"


def bench(
    config: ml_collections.ConfigDict,
    workdir: Path,
    *,
    merge: Sequence[Path] = (),
    only: Sequence[str] = (),
    only_report: bool = False,
    again: bool = False,
    make_targets: Path | None = None,
    display: Display | None = None,
) -> Path:
    """Runs what is missing and writes the report.

    Args:
      config: see `BenchConfig`.
      workdir: the folder of rows and report; the same folder continues.
      merge: folders whose rows are added first.
      only: train these optimizers and no others; the rest is compared by the rows there are.
      only_report: train nothing.
      again: train a trial of each optimizer and workload twice, and say whether it is the same.
      make_targets: write the targets that the rows give to this file.

    Returns:
      The path of report.html.

    Raises:
      UserError: anything the user can mend; a trial that raises is a row instead.
    """
    check(config, BenchConfig)
    view = View(config)
    check_config(view)
    display = display or choose_display()
    with contextlib.closing(display):
        unknown = next((label for label in only if label not in view.optimizers), None)
        if unknown is not None:
            known = nearest(unknown, view.optimizers)
            raise UserError(f"--only={unknown}: no entry of config.optimizers; {known}")
        for place in view.baselines:
            read_rows(Path(place))  # what is missing is said before anything is trained
        results = Results(workdir)
        for other in merge:
            display.line(f"{results.merge(other)} rows from {other}")
        workloads = []
        for label in view.workloads:
            display.waiting(f"reading the data of {label}")
            workloads.append(open_workload(label, view.workloads[label], view.data_dir))
        if not only_report:
            workloads = time_updates_on_largest(workloads, view.population)
            run_missing(view, only or list(view.optimizers), workloads, results, display)
        if again:
            from effjax.bench.repeat import repeat

            repeat(view, only or list(view.optimizers), workloads, results, display)
        if make_targets is not None:
            write_targets(make_targets, view, workloads, results)
            display.line(f"targets: {make_targets}")
        display.waiting("writing the report")
        return write_report(view, workloads, results, display)


def check_config(view: View) -> None:
    """Refuses a config that could not be compared or not be trained.

    Raises:
      UserError: naming the key.
    """
    for section in ("workloads", "optimizers"):
        if not list(view[section]):
            raise UserError(f"config.{section} is empty; see configs/bench/smoke.py")
    for label in (view.reference, *(label for label, _ in view.claims)):
        if label not in view.optimizers:
            known = nearest(label, view.optimizers)
            raise UserError(f"{label!r} is no entry of config.optimizers; {known}")
    if not view.tuning.seeds:
        raise UserError("config.tuning.seeds is empty; give at least one, better three")
    for label in view.workloads:
        w = view.workloads[label]
        for name in ("max_steps", "eval_every", "batch_size"):
            if w[name] < 1:
                raise UserError(f"config.workloads.{label}.{name} = {w[name]}; give 1 or more")
    for label in view.optimizers:
        make_trials(label, view.optimizers[label], view.tuning, "constant")


def run_missing(
    view: View,
    optimizers: Sequence[str],
    workloads: Sequence[Workload],
    results: Results,
    display: Display,
) -> None:
    """Trains every trial without a row, group by group; each group's rows are written at once."""
    done = results.keys()
    work = []
    for workload in workloads:
        for label in optimizers:
            trials = make_trials(
                label, view.optimizers[label], view.tuning, workload.config.schedule
            )
            work.append((workload, trials))
    every = [(w, t) for w, trials in work for t in trials]
    missing = sum(t.key(w.identity["problem_hash"]) not in done for w, t in every)
    display.line(f"{len(every)} trials, {len(every) - missing} of them are there")
    if not missing:
        return
    display.start(len(every), len(every) - missing, unit="trial")
    made = len(every) - missing
    for workload, trials in work:
        for rows in run_group(workload, trials, done, view, results, display):
            results.append(rows)
            made += len(rows)
            head = rows[0]
            errors = [r["reason"] for r in rows if r["status"] == FAILED]
            if errors:
                display.warn(f"{head['workload']}, {head['optimizer']}: {errors[0]}")
            display.update(made, {})


def run_group(
    workload: Workload,
    trials: Sequence[Trial],
    done: set[str],
    view: View,
    results: Results,
    display: Display,
) -> Iterator[list[Row]]:
    """Rows of the trials of one optimizer on one workload that are missing, in parts."""
    identity = workload.identity | {"machine": results.machine}

    def missing(part: Sequence[Trial]) -> list[Trial]:
        return [t for t in part if t.key(identity["problem_hash"]) not in done]

    if not missing(trials):
        return
    if workload.problem is None:
        for trial in missing(trials):
            try:
                curves = run_recipe(workload.config, trial, results.folder / RUNS, display)
                yield [make_row(trial, identity, curves, 0, {})]
            except Preempted:
                raise
            except Exception as error:
                yield [failed_row(trial, identity, error)]
        return
    try:
        parts = alike(trials, workload.config)
    except Exception as error:
        yield [failed_row(t, identity, error) for t in missing(trials)]
        return
    for part in parts:
        if missing(part):
            yield from _run_alike(workload, part, missing, identity, view, results, display)


def alike(trials: Sequence[Trial], w: View) -> list[list[Trial]]:
    """Parts whose trials can share a program: what differs in them can be an argument of it."""
    first = trials[0]
    differing = [
        key
        for key in first.settings
        if any(t.settings.get(key) != first.settings[key] for t in trials)
    ]
    static = [
        key
        for key in differing
        if not traceable(first.name, first.settings, key, first.schedule, w)
    ]
    parts: dict[str, list[Trial]] = {}
    for trial in trials:
        parts.setdefault(json.dumps([trial.settings[k] for k in static]), []).append(trial)
    return list(parts.values())


def _run_alike(
    workload: Workload,
    trials: Sequence[Trial],
    missing: Any,
    identity: Mapping[str, str],
    view: View,
    results: Results,
    display: Display,
) -> Iterator[list[Row]]:
    """Trains one program's trials, `width` at a time.

    Trials are put together as if none were done, so that a rerun computes what a first run would.
    """
    problem, w = workload.problem, workload.config
    devices = jax.local_devices()[: len(trials)]
    try:
        display.waiting(f"compiling {workload.label}, {trials[0].optimizer}")
        recipe = make_recipe(trials[0].name, [t.settings for t in trials], trials[0].schedule, w)
        plan, program = planned(
            workload, recipe, view.population, trials, devices, results, display
        )
        facts = update_cost(problem, recipe, trials[0], workload.timed)
        program = program or Program(Member(problem, recipe), w, plan.each, devices)
    except Exception as error:
        yield [failed_row(t, identity, error) for t in missing(trials)]
        return
    for start in range(0, len(trials), program.width):
        part = trials[start : start + program.width]
        wanted = missing(part)
        if not wanted:
            continue
        display.waiting(f"{workload.label}, {part[0].optimizer}, {len(part)} trials")
        try:
            curves = run_program(program, part)
        except Exception as error:
            yield [failed_row(t, identity, error) for t in wanted]
            continue
        facts = facts | {
            "program_compile_seconds": round(program.compile_seconds, 3),
            "memory_bytes": program.bytes_of_one(),
        }
        yield [make_row(t, identity, curves, i, facts) for i, t in enumerate(part) if t in wanted]


def planned(
    workload: Workload,
    recipe: Recipe,
    population: View,
    trials: Sequence[Trial],
    devices: Sequence[jax.Device],
    results: Results,
    display: Display,
) -> tuple[Plan, Program | None]:
    """The plan for a workload on this machine: as decided before in this folder, or by a probe."""
    key = f"{workload.identity['problem_hash']} {results.machine} {population.mode}"
    known = results.plans().get(key)
    share = -(-len(trials) // len(devices))
    if known is not None:
        each = 1 if known["most"] == 1 else even(share, min(share, known["most"]))
        return Plan(each, known["most"], known["why"]), None
    display.waiting(f"probing {workload.label}: vmap or one by one")
    plan, program = choose_plan(
        workload.problem, recipe, workload.config, population, trials, devices
    )
    if share == 1:
        return plan, program
    results.remember_plan(key, {"workload": workload.label, "most": plan.most, "why": plan.why})
    kind = "one by one" if plan.each == 1 else f"{plan.each} by vmap"
    display.line(f"{workload.label}: {kind}: {plan.why}")
    return plan, program
