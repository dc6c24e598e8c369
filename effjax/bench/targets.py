"""Targets: made by a procedure from raw rows, and kept with the hash of what they belong to.

A targets file is JSON: {"how": ..., "targets": {workload: {"problem_hash", "target", "metric",
"setting"}}}. The rows behind it are those of a baseline folder.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ml_collections

from effjax.bench.results import DONE, Results
from effjax.bench.scoring import Goal, Table, choose_target
from effjax.config import View
from effjax.errors import UserError
from effjax.runs.atomic import write_atomically


def write_targets(path: Path, view: View, workloads: Sequence[Any], results: Results) -> None:
    """Makes the targets of workloads from the rows of `config.targets_from`.

    A workload without such rows has no entry.

    Raises:
      UserError: there is none at all, or the file cannot be written.
    """
    found = {}
    for w in workloads:
        goal = Goal(w.config.metric, None, w.config.max_steps, w.config.batch_size)
        rows = [
            row | {"workload": w.label}
            for row in results.rows
            if row["problem_hash"] == w.identity["problem_hash"]
            and row["optimizer"] in view.targets_from
            and row["status"] == DONE
        ]
        if not rows:
            continue
        table = Table(rows, {w.label: goal}, view.reference)
        settings = [s for name in table.optimizers for s in table.of(w.label, name)]
        best = min(settings, key=lambda s: (s.final, s.number))
        row = next(iter(best.rows.values()))
        target = choose_target(settings, view.targets_share)
        found[w.label] = {
            "problem_hash": w.identity["problem_hash"],
            "metric": goal.metric,
            "target": float(f"{target:.4g}"),
            "setting": {"optimizer": row["optimizer"], **best.settings},
            "seeds": sorted(best.rows),
            "trials": len(rows),
        }
    if not found:
        names = ", ".join(view.targets_from)
        raise UserError(f"no finished trial of {names} on any workload; run them first")
    share = view.targets_share
    how = (
        f"best final {', '.join(view.targets_from)} setting (mean over seeds); median over "
        f"seeds of the best value within {share:.0%} of the steps"
    )
    try:
        text = json.dumps({"how": how, "targets": found}, indent=2) + "\n"
        write_atomically(path, text)
    except OSError as error:
        raise UserError(f"cannot write --make-targets={path}: {error.strerror}") from error


def use_targets(workloads: ml_collections.ConfigDict, path: Path) -> None:
    """Gives the workloads of a config the targets of a file; those it does not name keep theirs.

    Raises:
      UserError: the file is missing or damaged.
    """
    try:
        targets = json.loads(path.read_text())["targets"]
    except (OSError, ValueError, KeyError) as error:
        raise UserError(
            f"targets {path} cannot be read ({error})\n"
            f"make them: effjax bench --config=F --make-targets={path}"
        ) from error
    for label, entry in targets.items():
        if label in workloads:
            workloads[label].target = entry["target"]
