"""Whether a trial that is trained again gives the same curve, on this machine."""

import json
from collections.abc import Sequence
from typing import Any

import jax

from effjax.bench.member import Member, make_recipe
from effjax.bench.opened import Workload
from effjax.bench.population import Program, run_program
from effjax.bench.results import DONE, REPEATS, Results, make_row
from effjax.bench.suite import alike, planned
from effjax.bench.tuning import make_trials
from effjax.config import View
from effjax.report import Display
from effjax.runs.atomic import write_atomically


def repeat(
    view: View,
    optimizers: Sequence[str],
    workloads: Sequence[Workload],
    results: Results,
    display: Display,
) -> None:
    """Trains the first finished trial of each optimizer and workload again; writes repeats.json.

    Recipes of `effjax train` are left out: that a run repeats is a test of the loop.
    """
    rows = {row["key"]: row for row in results.rows if row["status"] == DONE}
    found = []
    for workload in workloads:
        for label in optimizers if workload.problem is not None else ():
            entry, w = view.optimizers[label], workload.config
            trials = alike(make_trials(label, entry, view.tuning, w.schedule), w)[0]
            display.waiting(f"again: {workload.label}, {label}")
            recipe = make_recipe(
                trials[0].name, [t.settings for t in trials], trials[0].schedule, w
            )
            devices = jax.local_devices()[: len(trials)]
            plan, program = planned(
                workload, recipe, view.population, trials, devices, results, display
            )
            program = program or Program(Member(workload.problem, recipe), w, plan.each, devices)
            trials = trials[: program.width]  # the company that it had
            curves = run_program(program, trials)
            for place, trial in enumerate(trials):
                row = rows.get(trial.key(workload.identity["problem_hash"]))
                if row is not None:
                    again = make_row(trial, workload.identity, curves, place, {})
                    found.append(_compared(row, again, results.machine))
                    break
    write_atomically(results.folder / REPEATS, json.dumps(found, indent=1) + "\n")
    same = sum(entry["difference"] == 0.0 for entry in found)
    display.line(f"trained again: {same} of {len(found)} curves are the same to all digits kept")


def _compared(row: dict[str, Any], again: dict[str, Any], machine: str) -> dict[str, Any]:
    """The largest difference of two curves of a trial, in any metric; None: one has diverged."""
    pairs = [
        (a, b) for name, own in row["values"].items() for a, b in zip(own, again["values"][name])
    ]
    lost = any(a is None or b is None for a, b in pairs)
    return {
        "workload": row["workload"],
        "optimizer": row["optimizer"],
        "number": row["number"],
        "seed": row["seed"],
        "same_machine": row["machine"] == machine,
        "difference": None if lost else max(abs(a - b) for a, b in pairs),
    }
