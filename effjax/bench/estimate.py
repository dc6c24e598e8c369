"""What a benchmark will cost, before any trial is trained."""

from collections.abc import Sequence

import jax

from effjax.bench.grouping import probe_seconds
from effjax.bench.member import Member, make_recipe
from effjax.bench.program import Program
from effjax.bench.recipes import trial_config, trial_steps
from effjax.bench.results import ResultsFolder
from effjax.bench.tuning import OptimizerTrial, make_trials
from effjax.bench.workloads import Workload
from effjax.config import View
from effjax.report import Display, format_seconds
from effjax.tasks.run import build
from effjax.trials.estimate import time_step

HEADER = ("workload", "trials to train", "steps each", "a step of one", "time")


def show_bench_estimate(
    view: View,
    optimizers: Sequence[str],
    workloads: Sequence[Workload],
    results: ResultsFolder,
    display: Display,
    price: float | None = None,
) -> None:
    """Counts the trials without a row and times a few steps of one on each workload.

    Args:
      price: of an hour of this machine, in whatever currency.
    """
    rows = []
    seconds = 0.0
    for workload in workloads:
        missing = missing_trials(view, optimizers, workload, results)
        steps = workload.config.max_steps
        if not missing:
            rows.append((workload.label, "0", f"{steps:,}", "-", "-"))
            continue
        display.waiting(f"timing a few steps of {workload.label}")
        each = step_seconds(workload, missing[0])
        # of runs that share a stable phase, as if each had its own
        made = [trial_steps(workload.config, trial) for trial in missing]
        own = sum(made) * each
        seconds += own
        in_words = f"{1e3 * each:.3g} ms"
        rows.append(
            (workload.label, str(len(missing)), f"{steps:,}", in_words, format_seconds(own))
        )
    display.table("estimate; nothing was trained", rows, HEADER, right=range(1, len(HEADER)))
    total = f"about {format_seconds(seconds)} in all"
    if price is not None:
        total += f", {seconds / 3600 * price:,.2f} at {price:g} an hour"
    display.line(f"{total}; evaluations and compiling are not counted")


def missing_trials(
    view: View, optimizers: Sequence[str], workload: Workload, results: ResultsFolder
) -> list[OptimizerTrial]:
    """The trials of a workload that have no row yet."""
    done = results.keys()
    problem = workload.identity["problem_hash"]
    missing = []
    for label in optimizers:
        entry = view.optimizers[label]
        for trial in make_trials(label, entry, view.tuning, workload.config.schedule):
            if trial.key(problem) not in done:
                missing.append(trial)
    return missing


def step_seconds(workload: Workload, trial: OptimizerTrial) -> float:
    """Seconds that a step of one trial takes, where the devices have a trial each."""
    if workload.problem is None:
        _, seconds = time_step(build(trial_config(workload.config, trial)))
        return seconds
    recipe = make_recipe(trial.name, [trial.settings], trial.schedule, workload.config)
    member = Member(workload.problem, recipe)
    program = Program(member, workload.config, 1, jax.local_devices())
    return probe_seconds(program, [trial])
