"""Reads several runs' folders and shows them side by side."""

import os
from collections.abc import Sequence
from pathlib import Path

from effjax.config import View
from effjax.errors import UserError
from effjax.report import Display, compare_table, plot_runs
from effjax.report.compare import UNFINISHED, Run
from effjax.runs.continuing import flatten
from effjax.runs.folder import read_summary
from effjax.runs.metrics import METRICS, read_rows
from effjax.runs.record import config_of_run
from effjax.runs.schema import default_config


def read_run(workdir: Path, name: str) -> Run:
    """A run's folder as it stands, finished or not.

    Raises:
      UserError: no run there, or a run without a single row.
    """
    config = config_of_run(workdir)
    rows = read_rows(workdir)
    if not rows:
        raise UserError(
            f"{workdir} has no rows in {METRICS} yet: it was stopped before its first step\n"
            "leave it out, or train it"
        )
    # a key that is younger than a run does not differ from its default
    defaults = flatten(View(default_config()).to_dict())
    return Run(name, rows, defaults | flatten(config), read_summary(workdir))


def compare_workdirs(workdirs: Sequence[Path], out: Path, display: Display) -> None:
    """Writes the picture to `out` and shows the table.

    Raises:
      UserError: a folder that is no run, or a picture that cannot be written.
    """
    workdirs = list(dict.fromkeys(workdirs))  # each once, in the order given
    parents = [workdir.absolute().parent for workdir in workdirs]
    base = os.path.commonpath(parents)
    runs = []
    for workdir in workdirs:
        # short names for the table and the legend
        name = os.path.relpath(workdir.absolute(), base)
        runs.append(read_run(workdir, name))
    header, rows = compare_table(runs)
    title = f"{len(runs)} runs in {base}; final (best) values"
    if not all(run.is_finished for run in runs):
        title += f"; {UNFINISHED} unfinished"
    display.table(title, rows, header, right=range(1, len(header) - 1))
    try:
        plot_runs(runs, out)
    except OSError as error:
        raise UserError(f"cannot write --out={out}: {error.strerror}") from error
    display.line(f"picture: {out}")
