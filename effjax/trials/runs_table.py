"""runs.csv: what each trial of a comparison ended with, one row a trial.

Every verb that compares leaves this file in its folder, so that a spreadsheet, a notebook and
`effjax claims` read them all alike.
"""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.errors import UserError
from effjax.trials.json_files import write_csv
from effjax.trials.paired import Result
from effjax.trials.trial import Trial

RUNS = "runs.csv"
HEADER = ("variant", "seed", "reason", "folder")  # the metric's column is called as the metric


def write_runs(folder: Path, metric: str, results: Sequence[Result]) -> None:
    """Writes runs.csv with full values, where a table for readers has four digits.

    Raises:
      UserError: the disk refuses.
    """
    rows: list[list[Any]] = [["variant", "seed", metric, "reason", "folder"]]
    for result in results:
        trial = result.trial
        # a search's arm has no folder of its own
        trained_in = getattr(trial, "workdir", "")
        seed = trial.seed if trial.fold is None else trial.seed_and_fold
        rows.append([trial.variant, seed, result.value, result.reason, str(trained_in)])
    write_csv(folder / RUNS, rows)


def read_runs(folder: Path) -> list[Result]:
    """The results in a folder's runs.csv.

    Raises:
      UserError: there is none, or a row is no result.
    """
    path = folder / RUNS
    if not path.exists():
        raise UserError(f"no {RUNS} in {folder}: nothing was compared there yet")
    with path.open(newline="") as file:
        return [_result(path, row) for row in csv.DictReader(file)]


def _result(path: Path, row: dict[str, str]) -> Result:
    metrics = [name for name in row if name not in HEADER]
    try:
        (metric,) = metrics
        seed, _, fold = row["seed"].partition(" fold ")
        trial = Trial(
            variant=row["variant"],
            seed=int(seed),
            fold=int(fold) if fold else None,
        )
        value = float(row[metric]) if row[metric] else None
        return Result(trial, value, row["reason"])
    except (KeyError, TypeError, ValueError):
        raise UserError(
            f"{path} holds a row that is no result: {row}\nremove the file; it is made again"
        ) from None
