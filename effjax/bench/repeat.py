"""Whether a trial that is trained again gives the same curve, on this machine."""

from collections.abc import Sequence
from typing import Any

from effjax.bench.grouping import alike, make_program
from effjax.bench.program import run_program
from effjax.bench.results import REPEATS, ResultsFolder
from effjax.bench.rows import DONE, Row, finite_or_nan, make_row
from effjax.bench.tuning import make_trials
from effjax.bench.workloads import Workload
from effjax.config import View
from effjax.report import Display


def repeat(
    view: View,
    optimizers: Sequence[str],
    workloads: Sequence[Workload],
    results: ResultsFolder,
    display: Display,
) -> None:
    """Trains the first finished trial of each optimizer and workload again; writes repeats.json.

    Recipes of `effjax train` are left out: that a run repeats is a test of the loop.
    """
    done = {row["key"]: row for row in results.rows if row["status"] == DONE}
    found = []
    for workload in workloads:
        if workload.problem is None:
            continue
        for label in optimizers:
            display.waiting(f"again: {workload.label}, {label}")
            comparison = repeat_first(view, label, workload, done, results, display)
            if comparison is not None:
                found.append(comparison)
    results.write_json(REPEATS, found)
    same = sum(entry["difference"] == 0.0 for entry in found)
    display.line(f"trained again: {same} of {len(found)} curves are the same to all digits kept")


def repeat_first(
    view: View,
    label: str,
    workload: Workload,
    done: dict[str, Row],
    results: ResultsFolder,
    display: Display,
) -> dict[str, Any] | None:
    """Compares the first trial that has finished with itself; None if none has finished."""
    entry = view.optimizers[label]
    trials = make_trials(label, entry, view.tuning, workload.config.schedule)
    trials = alike(trials, workload.config)[0]
    program = make_program(workload, view.population, trials, results, display)
    # The same batch of trials as the first time: another width is another program, and may round
    # differently.
    trials = trials[: program.width]
    curves = run_program(program, trials)
    for place, trial in enumerate(trials):
        row = done.get(trial.key(workload.identity["problem_hash"]))
        if row is not None:
            again = make_row(trial, workload.identity, curves, place, {})
            return compare_rows(row, again, results.machine)
    return None


def compare_rows(row: Row, again: Row, machine: str) -> dict[str, Any]:
    """The largest difference of two curves of a trial, in any metric; None: one has diverged."""
    differences = []
    for name, column in row["values"].items():
        for old, new in zip(column, again["values"][name], strict=True):
            differences.append(abs(finite_or_nan(old) - finite_or_nan(new)))
    # NaN is unequal to itself: one of them means that a curve has diverged
    is_whole = all(difference == difference for difference in differences)
    return {
        "workload": row["workload"],
        "optimizer": row["optimizer"],
        "number": row["number"],
        "seed": row["seed"],
        "same_machine": row["machine"] == machine,
        "difference": max(differences) if is_whole else None,
    }
