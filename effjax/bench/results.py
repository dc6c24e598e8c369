"""A benchmark's folder: one line of JSON for each trial, only ever appended to.

results.jsonl      a row for each trial, see `make_row` (results.jsonl.gz: read, not written)
machines.jsonl     {"id": ..., versions, device, ...}: where rows were made
plans.json         how trials were put together (kept, so that a rerun does the same)
repeats.json       trials that were trained twice, with --check
report.html, report.md, *.csv      made from the rows, again at every run
"""

import gzip
import json
import math
import os
import platform
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from effjax.bench.population import Curves
from effjax.bench.tuning import Trial, digest
from effjax.errors import UserError
from effjax.runs.atomic import write_atomically
from effjax.runs.record import git_revision, versions

RESULTS, MACHINES, PLANS = "results.jsonl", "machines.jsonl", "plans.json"
REPEATS = "repeats.json"
DONE, DIVERGED, FAILED = "done", "diverged", "failed"
Row = dict[str, Any]


class Results:
    """The rows in a folder, which is made if it is not there.

    Raises:
      UserError: the folder cannot be made or written to.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _cut_unfinished_line(folder / RESULTS)
        except OSError as error:
            raise UserError(f"cannot write to --workdir={folder}: {error.strerror}") from error
        self.rows = read_rows(folder)
        self._facts = machine_facts()
        self.machine = digest(self._facts)

    def append(self, rows: Sequence[Row]) -> None:
        """Adds rows and sees to it that they are on the disk."""
        known = {m["id"] for m in read_lines(self.folder / MACHINES)}
        if self.machine not in known and any(row["machine"] == self.machine for row in rows):
            _append(self.folder / MACHINES, [{"id": self.machine} | self._facts])
        _append(self.folder / RESULTS, rows)
        self.rows += rows

    def keys(self) -> set[str]:
        """The trials that there are rows of."""
        return {row["key"] for row in self.rows}

    def merge(self, other: Path) -> int:
        """Adds the rows of another folder that are not here yet; returns how many.

        Raises:
          UserError: no results there.
        """
        known, machines = self.keys(), {m["id"] for m in read_lines(self.folder / MACHINES)}
        rows = [row for row in read_rows(other) if row["key"] not in known]
        new = [m for m in read_lines(other / MACHINES) if m["id"] not in machines]
        _append(self.folder / MACHINES, new)
        self.append(rows)
        return len(rows)

    def repeats(self) -> list[dict[str, Any]]:
        """What `repeats.json` holds: trials that were trained twice, see `effjax.bench.repeat`."""
        path = self.folder / REPEATS
        return json.loads(path.read_text()) if path.exists() else []

    def plans(self) -> dict[str, Any]:
        """What `plans.json` holds."""
        path = self.folder / PLANS
        return json.loads(path.read_text()) if path.exists() else {}

    def remember_plan(self, key: str, plan: Mapping[str, Any]) -> None:
        """Writes one plan."""
        plans = self.plans() | {key: dict(plan)}
        write_atomically(self.folder / PLANS, json.dumps(plans, indent=2) + "\n")


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
      UserError: neither is there, or a line is no JSON.
    """
    path = place / RESULTS if place.is_dir() else place
    if place.is_dir() and not path.exists():
        path = place / f"{RESULTS}.gz"
    if not path.exists() and not place.is_dir():
        raise UserError(f"no results at {place}: give a folder that effjax bench wrote")
    rows: dict[str, Row] = {}
    for row in read_lines(path):
        rows.setdefault(row["key"], row)
    return list(rows.values())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The JSON lines of a file; none if it is not there. A last line without end is left out."""
    if not path.exists():
        return []
    packed = path.suffix == ".gz"
    text = gzip.decompress(path.read_bytes()).decode() if packed else path.read_text()
    whole = text.split("\n")[:-1]
    try:
        return [json.loads(line) for line in whole if line]
    except json.JSONDecodeError as error:
        raise UserError(f"{path} has a line that is no JSON: {error}") from error


def _append(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    if text:
        with path.open("a") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())


def _cut_unfinished_line(path: Path) -> None:
    """A process that was killed while it wrote may have left half a line."""
    if path.exists():
        data = path.read_bytes()
        if not data.endswith(b"\n") and data:
            with path.open("r+b") as file:
                file.truncate(data.rfind(b"\n") + 1)


# ---------------------------------------------------------------------------------------- rows


def make_row(
    trial: Trial, identity: Mapping[str, Any], curves: Curves, place: int, facts: Mapping[str, Any]
) -> Row:
    """The row of a trial that ran: `place` is its place in the group whose `curves` these are.

    From where any value is not finite, none counts.
    """
    values = {name: [_number(v) for v in table[place]] for name, table in curves.values.items()}
    sound = min(column.index(None) if None in column else len(column) for column in values.values())
    lost = len(curves.steps) - sound
    values = {name: column[:sound] + [None] * lost for name, column in values.items()}
    status = DIVERGED if lost else DONE
    reason = f"not finite at step {curves.steps[sound]} or before" if lost else ""
    return _head(trial, identity, status, reason) | {
        "steps": curves.steps,
        "values": values,
        "train_seconds": [round(s, 6) for s in curves.train_seconds_at],
        "eval_seconds": round(curves.eval_seconds, 6),
        "compile_seconds": round(curves.compile_seconds, 6),
        "width": curves.width,
        **facts,
    }


def failed_row(trial: Trial, identity: Mapping[str, Any], error: BaseException) -> Row:
    """The row of a trial that raised."""
    lines = str(error).strip().splitlines() or [""]
    return _head(trial, identity, FAILED, f"{type(error).__name__}: {lines[0][:200]}")


def _head(trial: Trial, identity: Mapping[str, Any], status: str, reason: str) -> Row:
    return {
        "key": trial.key(identity["problem_hash"]),
        **identity,
        "optimizer": trial.optimizer,
        "name": trial.name,
        "number": trial.number,
        "settings": dict(trial.settings),
        "schedule": trial.schedule,
        "seed": trial.seed,
        "status": status,
        "reason": reason,
    }


def _number(value: Any) -> float | None:
    """JSON has no NaN and no infinity."""
    value = float(np.float32(value))
    return float(f"{value:.7g}") if math.isfinite(value) else None
