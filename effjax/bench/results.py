"""A benchmark's folder: one line of JSON for each trial, only ever appended to.

results.jsonl      a row for each trial, see `effjax.bench.rows` (results.jsonl.gz: read, not
                   written)
machines.jsonl     {"id": ..., versions, device, ...}: where rows were made
plans.json         how trials were grouped, so that a rerun does the same
workloads.json     the data of each workload, so that a rerun with other data is refused
repeats.json       trials that were trained twice, with --check
report.html, report.md, *.csv      made from the rows, again at every run
"""

import gzip
import json
import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from effjax.bench.rows import Row, RowShape
from effjax.bench.tuning import digest
from effjax.config import read_json
from effjax.errors import UserError
from effjax.runs.record import git_revision, versions
from effjax.trials.json_files import (
    append_lines,
    cut_unfinished_line,
    read_lines,
    saying_where,
    write_text,
)

RESULTS = "results.jsonl"
MACHINES = "machines.jsonl"
PLANS = "plans.json"
REPEATS = "repeats.json"
WORKLOADS = "workloads.json"
# what the user can do about a damaged line, and about a damaged file
REMEDY = "remove the line, and the trial is made again"
REMOVE = "remove the file; it is made again"


class ResultsFolder:
    """The rows in a folder, which is made if it is not there.

    Raises:
      UserError: the folder cannot be made or written to, or holds something else.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        with saying_where(folder):
            folder.mkdir(parents=True, exist_ok=True)
            cut_unfinished_line(folder / RESULTS)
        self.rows = read_rows(folder)
        self._facts = machine_facts()
        self.machine = digest(self._facts)

    def append(self, rows: Sequence[Row]) -> None:
        """Adds rows and waits until they are on the disk.

        Raises:
          UserError: the disk refuses; no part of the rows stays.
        """
        # the machine first: a row never names one that nobody knows
        known = {machine["id"] for machine in self.machines()}
        is_new = self.machine not in known
        # rows that were merged are those of another machine
        if is_new and any(row["machine"] == self.machine for row in rows):
            append_lines(self.folder / MACHINES, [{"id": self.machine, **self._facts}])
        append_lines(self.folder / RESULTS, rows)
        self.rows += rows

    def keys(self) -> set[str]:
        """The trials that have rows."""
        return {row["key"] for row in self.rows}

    def merge(self, other: Path) -> int:
        """Adds the rows of another folder that are not here yet; returns how many.

        Raises:
          UserError: no results there.
        """
        known = self.keys()
        rows = [row for row in read_rows(other) if row["key"] not in known]
        known_machines = {machine["id"] for machine in self.machines()}
        machines = []
        for machine in read_machines(other):
            if machine["id"] not in known_machines:
                machines.append(machine)
        append_lines(self.folder / MACHINES, machines)
        self.append(rows)
        return len(rows)

    def machines(self) -> list[dict[str, Any]]:
        """Where rows were made."""
        return read_machines(self.folder)

    def repeats(self) -> list[dict[str, Any]]:
        """Trials that were trained twice, see `effjax.bench.repeat`."""
        return self._read(REPEATS, list[dict[str, Any]], [])

    def plans(self) -> dict[str, dict[str, Any]]:
        """How trials were grouped, see `effjax.bench.grouping`."""
        return self._read(PLANS, dict[str, dict[str, Any]], {})

    def remember_plan(self, key: str, plan: Mapping[str, Any]) -> None:
        """Writes one plan."""
        self.write_json(PLANS, {**self.plans(), key: dict(plan)})

    def workloads(self) -> dict[str, dict[str, Any]]:
        """{label: what its rows were made with}, see `effjax.bench.workloads`."""
        return self._read(WORKLOADS, dict[str, dict[str, Any]], {})

    def write_json(self, name: str, content: Any) -> None:
        """Writes a small file.

        Raises:
          UserError: the disk refuses.
        """
        write_text(self.folder / name, json.dumps(content, indent=2) + "\n")

    def _read(self, name: str, shape: Any, default: Any) -> Any:
        path = self.folder / name
        return read_json(path, shape, REMOVE) if path.exists() else default


def machine_facts() -> dict[str, Any]:
    """Versions, device and revision, as far as they can change a result or its time."""
    return {
        "versions": versions(),
        "device": f"{jax.default_backend()}: {jax.devices()[0].device_kind}",
        "devices": jax.device_count(),
        "cpu_cores": os.cpu_count(),
        "system": platform.system(),
        "git": git_revision(),
    }


def read_rows(place: Path) -> list[Row]:
    """Rows of a folder or of a results.jsonl; of repeated keys the first counts.

    Raises:
      UserError: neither is there, or a line is no row.
    """
    path = place / RESULTS if place.is_dir() else place
    if place.is_dir() and not path.exists():
        path = place / f"{RESULTS}.gz"
    if not path.exists() and not place.is_dir():
        raise UserError(f"no results at {place}: give a folder that effjax bench wrote")
    # two processes in one folder, or a merge by hand, may leave a trial twice
    rows: dict[str, Row] = {}
    for row in read_lines(path, RowShape, REMEDY, _unpacked(path)):
        rows.setdefault(row["key"], row)
    return list(rows.values())


def read_machines(folder: Path) -> list[dict[str, Any]]:
    """What machines.jsonl of a folder holds."""
    return read_lines(folder / MACHINES, dict[str, Any], "remove the line")


def _unpacked(path: Path) -> str | None:
    """The text of a packed file; None if it is not packed or not there."""
    if path.suffix != ".gz" or not path.exists():
        return None
    try:
        return gzip.decompress(path.read_bytes()).decode()
    except (OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}\nunpack a sound copy of it") from error
