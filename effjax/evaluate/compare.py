"""Reads several runs' folders and shows them side by side."""

import os
from collections.abc import Sequence
from pathlib import Path

from effjax.errors import UserError, nearest
from effjax.report import Display, compare_table, plot_runs
from effjax.report.compare import UNFINISHED, Run
from effjax.runs.continuing import flatten
from effjax.runs.folder import CONFIG, read_summary
from effjax.runs.metrics import METRICS, read_rows
from effjax.runs.record import read_config


def read_run(workdir: Path, name: str) -> Run:
    """A run's folder as it stands, finished or not.

    Raises:
      UserError: no run there, or a run without a single row.
    """
    config = read_config(workdir)
    if config is None:
        runs = [str(path.parent) for path in workdir.parent.glob(f"*/{CONFIG}")]
        raise UserError(
            f"{workdir} is not a run's folder: no {CONFIG} there; {nearest(str(workdir), runs)}\n"
            "give folders that effjax train wrote, such as runs/quickstart"
        )
    rows = read_rows(workdir)
    if not rows:
        raise UserError(
            f"{workdir} has no rows in {METRICS} yet: it was stopped before its first step\n"
            "leave it out, or train it"
        )
    return Run(name, rows, flatten(config), read_summary(workdir))


def compare_workdirs(workdirs: Sequence[Path], out: Path, display: Display) -> None:
    """Writes the picture to `out` and shows the table.

    Raises:
      UserError: a folder that is no run, or a picture that cannot be written.
    """
    workdirs = list(dict.fromkeys(workdirs))
    base = os.path.commonpath([workdir.absolute().parent for workdir in workdirs])
    runs = [read_run(path, os.path.relpath(path.absolute(), base)) for path in workdirs]
    header, rows = compare_table(runs)
    title = f"{len(runs)} runs in {base}; final (best) values"
    unfinished = any(run.summary is None for run in runs)
    title += f"; {UNFINISHED} unfinished" if unfinished else ""
    display.table(title, rows, header, right=range(1, len(header) - 1))
    try:
        plot_runs(runs, out)
    except OSError as error:
        raise UserError(f"cannot write --out={out}: {error.strerror}") from error
    display.line(f"picture: {out}")
