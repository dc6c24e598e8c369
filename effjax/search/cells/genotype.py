"""From operation weights to a cell, and what can be read off a cell.

Shapes: E edges of a cell, O operations.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from effjax.models.families.darts import INPUTS, OF_NODE
from effjax.search.cells.supernet import CELL_TYPES, CellSpace

Edges = tuple[tuple[str, int], ...]  # (operation, state that it takes), two for each node
SKIP = "skip_connect"
NONE = "none"


class Reading(NamedTuple):
    """What a cell shows.

    Attributes:
      skips: edges that are skips.
      depth: the most convolutions that a path through the cell has.
    """

    skips: int
    depth: int


def best_inputs(weights: np.ndarray, space: CellSpace) -> Edges:
    """The rule of DARTS: the two inputs of a node with the heaviest operation, and that operation.

    Args:
      weights: [E, O], such as the softmax over operations; "none" competes in it and is left out.
    """
    allowed = _without_none(space)
    chosen: list[tuple[str, int]] = []
    for rows in _rows_by_node(space):
        heaviest = weights[np.ix_(rows, allowed)].max(1)
        # stable, so that of equal inputs the first wins
        for place in np.argsort(-heaviest, kind="stable")[:OF_NODE]:
            operation = allowed[int(np.argmax(weights[rows[place]][allowed]))]
            chosen.append((space.operations[operation], int(place)))
    return tuple(chosen)


def best_pairs(weights: np.ndarray, space: CellSpace) -> Edges:
    """The rule of PR-DARTS: the two heaviest pairs of operation and input of a node.

    Both may have the same input.
    """
    allowed = _without_none(space)
    chosen: list[tuple[str, int]] = []
    for rows in _rows_by_node(space):
        own = weights[np.ix_(rows, allowed)]
        for place in np.argsort(-own.reshape(-1), kind="stable")[:OF_NODE]:
            source, operation = divmod(int(place), len(allowed))
            chosen.append((space.operations[allowed[operation]], source))
    return tuple(chosen)


RULES = {"best_inputs": best_inputs, "best_pairs": best_pairs}


def _without_none(space: CellSpace) -> list[int]:
    return [place for place, name in enumerate(space.operations) if name != NONE]


def _rows_by_node(space: CellSpace) -> list[list[int]]:
    """For each node the rows of the edges that enter it, by source."""
    rows: dict[int, list[int]] = {}
    for row, (_, node) in enumerate(space.edges):
        rows.setdefault(node, []).append(row)
    return list(rows.values())


def fields_of_cells(cells: Mapping[str, Edges]) -> dict[str, Any]:
    """The fields of a `DartsArchitecture` with these cells; the output joins all nodes."""
    fields: dict[str, Any] = {}
    for name in CELL_TYPES:
        edges = cells[name]
        fields[name] = edges
        nodes = len(edges) // OF_NODE
        fields[f"{name}_concat"] = tuple(range(INPUTS, INPUTS + nodes))
    return fields


def read_cell(edges: Sequence[tuple[str, int]]) -> Reading:
    """The skips of a cell, and its depth."""
    skips = sum(operation == SKIP for operation, _ in edges)
    depths = [0] * INPUTS  # of each state: the most convolutions on a path to it
    for place in range(0, len(edges), OF_NODE):
        reached = 0
        for operation, source in edges[place : place + OF_NODE]:
            reached = max(reached, depths[source] + ("conv" in operation))
        depths.append(reached)
    return Reading(skips, max(depths))
