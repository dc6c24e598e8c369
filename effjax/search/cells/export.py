"""What a search of cells leaves in its folder: architecture.json, search.json, and a picture."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.models import write_architecture
from effjax.models.families.genotypes import write_genotype
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.search.cells.genotype import read_cell
from effjax.search.cells.supernet import CELL_TYPES

SEARCH = "search.json"
PICTURE = "cells.png"


def export(
    name: str,
    architecture: Any,
    cells: Mapping[str, Any],
    noted: Sequence[Mapping[str, Any]],
    memory: Mapping[str, Any],
    stopped: int | None,
    workdir: Path,
) -> None:
    """Writes what was found.

    Args:
      name: of the registered network.
      architecture: with the cells that were found.
      cells: these cells.
      noted: the cells of every entry of `memory`.
      stopped: the entry at which the search was ended; None: it went on to its end.
    """
    genotype = write_genotype(architecture)
    write_architecture(name, architecture, workdir / FOUND_ARCHITECTURE, genotype=genotype)
    rows = way_rows(noted, memory)
    record = {
        "genotype": genotype,
        "stopped_at_step": None if stopped is None else rows[stopped]["step"],
        "found": {kind: read_cell(cells[kind])._asdict() for kind in CELL_TYPES},
        "way": rows,
    }
    (workdir / SEARCH).write_text(json.dumps(record, indent=1) + "\n")
    draw(rows, workdir / PICTURE)


def way_rows(noted: Sequence[Mapping[str, Any]], memory: Mapping[str, Any]) -> list[dict[str, Any]]:
    """For each entry its step, skips and depth of both cells, and the eigenvalue if it is known."""
    rows = []
    for place, cells in enumerate(noted):
        row: dict[str, Any] = {"step": int(memory["steps"][place])}
        for kind in CELL_TYPES:
            reading = read_cell(cells[kind])
            row[f"{kind}_skips"] = reading.skips
            row[f"{kind}_depth"] = reading.depth
        value = float(memory["eigenvalues"][place])
        if np.isfinite(value):
            row["eigenvalue"] = value
        rows.append(row)
    return rows


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Skips, depth and, where it is known, the eigenvalue against steps."""
    import matplotlib.figure

    known = [row for row in rows if "eigenvalue" in row]
    panels = 3 if known else 2
    figure = matplotlib.figure.Figure(figsize=(4 * panels, 3), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    _draw_counts(axes[0], rows, "skips", "skips")
    _draw_counts(axes[1], rows, "depth", "convolutions on the deepest path")
    if known:
        steps = [row["step"] for row in known]
        axes[2].plot(steps, [row["eigenvalue"] for row in known])
        axes[2].set_title("largest eigenvalue in alpha")
    for axis in axes:
        axis.set_xlabel("step")
    figure.savefig(path, dpi=120)


def _draw_counts(axis: Any, rows: Sequence[Mapping[str, Any]], what: str, title: str) -> None:
    """A number of both cells against steps; `what` is "skips" or "depth"."""
    steps = [row["step"] for row in rows]
    for kind in CELL_TYPES:
        counts = [row[f"{kind}_{what}"] for row in rows]
        axis.step(steps, counts, where="post", label=f"{kind} cell")
    axis.set_title(title)
    axis.set_ylim(bottom=0)
    axis.legend()
