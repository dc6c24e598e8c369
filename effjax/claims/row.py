"""Rows of the ledger: what one training, or one measurement, gave for an arm of a claim.

A claim's rows are lines of JSON in a file that is called as the claim. They are only ever appended
to, so that a claim is worked on over several sittings and on several machines.
"""

import dataclasses
import datetime
import os
import platform
from pathlib import Path
from typing import TypedDict

import jax

from effjax.trials.json_files import append_lines, cut_unfinished_line, read_lines, saying_where
from effjax.version import VERSION

REMEDY = "remove the line, and the row is made again"


class RowShape(TypedDict):
    """A row as JSON holds it, see `Row`."""

    size: str
    arm: str
    pair: str
    value: float | None
    reason: str
    date: str
    machine: str
    version: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One value.

    Attributes:
      size: "small" or "gpu": rows of two sizes are never compared.
      arm: which of the things that the claim compares.
      pair: rows of other arms with the same pair are partners, such as those of one seed.
      value: the metric at the end; None where there is none, `reason` says why.
      date: of the day, as 2026-11-27.
      machine: in words, such as "cpu, 2 cores".
      version: of effjax.
    """

    size: str
    arm: str
    pair: str
    value: float | None
    reason: str = ""
    date: str = ""
    machine: str = ""
    version: str = VERSION


def new_row(size: str, arm: str, pair: str, value: float | None, reason: str = "") -> Row:
    """A row of today and of this machine."""
    return Row(
        size=size,
        arm=arm,
        pair=pair,
        value=value,
        reason=reason,
        date=datetime.date.today().isoformat(),
        machine=this_machine(),
    )


def this_machine() -> str:
    """ "cpu, 2 cores (x86_64)", or the accelerator's name."""
    device = jax.devices()[0]
    if device.platform == "cpu":
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        return f"cpu, {cores} {'core' if cores == 1 else 'cores'} ({platform.machine()})"
    return f"{jax.device_count()} x {device.device_kind}"


def read_rows(folder: Path, name: str) -> list[Row]:
    """The rows of a claim in a folder; [] where there are none.

    Raises:
      UserError: naming a line that is no row.
    """
    lines = read_lines(_path(folder, name), RowShape, REMEDY)
    return [Row(**line) for line in lines]


def append_row(folder: Path, name: str, row: Row) -> None:
    """Adds a row, and waits until it is on the disk.

    Raises:
      UserError: the disk refuses.
    """
    path = _path(folder, name)
    with saying_where(path):
        folder.mkdir(parents=True, exist_ok=True)
    cut_unfinished_line(path)
    append_lines(path, [dataclasses.asdict(row)])


def _path(folder: Path, name: str) -> Path:
    return folder / f"{name}.jsonl"
