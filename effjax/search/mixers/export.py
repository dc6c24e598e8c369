"""What a search of mixers leaves in its folder: architecture.json, search.json, and a picture.

Shapes: O options of a choice.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from effjax.models import write_architecture
from effjax.runs.folder import FOUND_ARCHITECTURE
from effjax.search.cells.export import SEARCH
from effjax.search.mixers.supernet import MIXING, POOL, SKIP, SearchedBlock
from effjax.search.space import ArchSpace

PICTURE = "mixers.png"
COUNTS = {"skips": SKIP, "pools": POOL, "depth": MIXING}  # of blocks, by the group of their mixer


def export(
    space: ArchSpace,
    blocks: Sequence[SearchedBlock],
    alphas: Mapping[str, Any],
    noted: Sequence[Mapping[str, int]],
    memory: Mapping[str, Any],
    stopped: int | None,
    workdir: Path,
) -> None:
    """Writes what was found: the most probable mixers, whatever they cost.

    Args:
      space: of mixers alone.
      blocks: the searched ones.
      alphas: {choice: [O]} of the answer.
      noted: {choice: index} of every entry of `memory`.
      stopped: the entry at which the search was ended; None: it went on to its end.
    """
    probabilities = {}
    found = {}
    point = [0] * len(space.choices)
    for place, choice in enumerate(space.choices):
        if choice.path not in alphas:
            continue  # every block of the stage has a choice of its own
        shares = softmax(alphas[choice.path])
        point[place] = int(np.argmax(shares))
        found[choice.path] = choice.options[point[place]]
        probabilities[choice.path] = dict(zip(choice.options, shares.tolist()))
    architecture = space.decode(tuple(point))
    write_architecture(space.name, architecture, workdir / FOUND_ARCHITECTURE)
    rows = way_rows(blocks, noted, memory)
    record = {
        "stopped_at_step": None if stopped is None else rows[stopped]["step"],
        "found": found,
        "probabilities": probabilities,
        "way": rows,
    }
    (workdir / SEARCH).write_text(json.dumps(record, indent=1) + "\n")
    draw(rows, probabilities, workdir / PICTURE)


def softmax(alpha: Any) -> np.ndarray:
    """[O]: the probability of each option, never 0: its logarithm is a score."""
    exact = np.asarray(alpha, np.float64)
    shares = np.exp(exact - exact.max())
    return np.maximum(shares / shares.sum(), np.finfo(np.float64).tiny)


def way_rows(
    blocks: Sequence[SearchedBlock],
    noted: Sequence[Mapping[str, int]],
    memory: Mapping[str, Any],
) -> list[dict[str, Any]]:
    """For each entry its step, the searched blocks of each group, and the known eigenvalue."""
    rows = []
    for place, chosen in enumerate(noted):
        groups = [block.groups[chosen[block.choice]] for block in blocks]
        row: dict[str, Any] = {"step": int(memory["steps"][place])}
        row |= {name: groups.count(group) for name, group in COUNTS.items()}
        value = float(memory["eigenvalues"][place])
        if np.isfinite(value):
            row["eigenvalue"] = value
        rows.append(row)
    return rows


def draw(
    rows: Sequence[Mapping[str, Any]], probabilities: Mapping[str, Mapping[str, float]], path: Path
) -> None:
    """Blocks of each group and, if known, the eigenvalue against steps; last probabilities."""
    import matplotlib.figure

    known = [row for row in rows if "eigenvalue" in row]
    figure = matplotlib.figure.Figure(figsize=(13 if known else 9, 4), layout="constrained")
    axes = list(figure.subplots(1, 3 if known else 2))
    for name in COUNTS:
        values = [row[name] for row in rows]
        axes[0].step([row["step"] for row in rows], values, where="post", label=name)
    axes[0].set(title="blocks that skip, pool, mix", xlabel="step")
    axes[0].set_ylim(bottom=0)
    axes[0].legend()
    if known:
        values = [row["eigenvalue"] for row in known]
        axes[1].plot([row["step"] for row in known], values)
        axes[1].set(title="largest eigenvalue in alpha", xlabel="step")
    shown = _draw_probabilities(axes[-1], probabilities)
    figure.colorbar(shown, ax=axes[-1])
    figure.savefig(path, dpi=120)


def _draw_probabilities(axis: Any, probabilities: Mapping[str, Mapping[str, float]]) -> Any:
    """A map with a row for each choice and a column for each mixer; returns the image."""
    names: list[str] = []
    for shares in probabilities.values():
        names += [name for name in shares if name not in names]
    table = np.full((len(probabilities), len(names)), np.nan)  # a choice may lack a mixer
    for row, shares in enumerate(probabilities.values()):
        for name, share in shares.items():
            table[row, names.index(name)] = share
    axis.set_xticks(range(len(names)), names, rotation=30, ha="right")
    axis.set_yticks(range(len(table)), list(probabilities))
    axis.set_title("probabilities at the end")
    return axis.imshow(table, aspect="auto", vmin=0.0, vmax=1.0)
