"""Cells as points, for strategies that draw and compare them; see `effjax.search.space`."""

import itertools
from collections.abc import Mapping
from typing import Any

from effjax.errors import UserError
from effjax.models.families.darts import INPUTS, OF_NODE
from effjax.models.families.darts import OPERATIONS as DARTS_OPERATIONS
from effjax.models.families.nasbench201 import EDGES, unique_text
from effjax.models.families.nasbench201 import OPERATIONS as NASBENCH_OPERATIONS
from effjax.search.choices import Choice
from effjax.search.space import ArchSpace, Point

CELL_TYPES = ("normal", "reduce")


class DartsSpace(ArchSpace):
    """Both cells of a `DartsNetwork`: each node has two pairs of operation and input.

    Args:
      operations: an edge's; "none" is left out.
      nodes: of a cell.
      fields: of the architecture, such as width and layers.
    """

    def __init__(
        self, operations: tuple[str, ...] = DARTS_OPERATIONS, nodes: int = 4, **fields: Any
    ):
        choices = []
        for kind in CELL_TYPES:
            for edge in range(OF_NODE * nodes):
                states = INPUTS + edge // OF_NODE
                pairs = itertools.product(range(states), operations)
                options = [(name, source) for source, name in pairs if name != "none"]
                choices.append(Choice(f"{kind}.{edge}", tuple(options)))
        nothing = (("skip_connect", 0), ("skip_connect", 1)) * nodes
        joined = tuple(range(INPUTS, INPUTS + nodes))
        cells = {"normal": nothing, "reduce": nothing}
        cells |= {"normal_concat": joined, "reduce_concat": joined}
        super().__init__("darts_v2", choices, **cells, **fields)
        self._settings = {"operations": operations, "nodes": nodes, **fields}

    def spec(self) -> dict[str, Any]:
        return {"cells": "darts", "settings": self._settings}

    def canonical(self, point: Point) -> Point:
        """The two edges of a node in one order: their sum has none."""
        found: list[int] = []
        for place in range(0, len(point), OF_NODE):
            found += sorted(point[place : place + OF_NODE])
        return tuple(found)

    def point_of(self, cells: Mapping[str, Any]) -> Point:
        """The point of {"normal": edges, "reduce": edges}.

        Raises:
          UserError: an edge that the space does not have.
        """
        edges = [*cells["normal"], *cells["reduce"]]
        if len(edges) != len(self.choices):
            raise UserError(
                f"cells of {len(edges)} edges in all, the space has {len(self.choices)}: search "
                "cells of as many nodes as the space"
            )
        point = []
        for choice, edge in zip(self.choices, edges):
            if tuple(edge) not in choice.options:
                raise UserError(f"{choice.path}: {edge} is not in the space of the search")
            point.append(choice.options.index(tuple(edge)))
        return self.canonical(tuple(point))


class NasBench201Space(ArchSpace):
    """The 15,625 cells of NAS-Bench-201; isomorphic ones are one point, which leaves 6,466.

    Args:
      fields: of the architecture, such as width and cells.
    """

    def __init__(self, **fields: Any):
        choices = [Choice(f"ops.{edge}", NASBENCH_OPERATIONS) for edge in range(len(EDGES))]
        super().__init__("nasbench201", choices, **fields)
        self._settings = fields
        self._first: dict[str, Point] = {}  # of each class, the first cell in the order of points

    def spec(self) -> dict[str, Any]:
        return {"cells": "nasbench201", "settings": self._settings}

    def canonical(self, point: Point) -> Point:
        if not self._first:
            for cell in itertools.product(range(len(NASBENCH_OPERATIONS)), repeat=len(EDGES)):
                self._first.setdefault(_class_of(cell), cell)
        return self._first[_class_of(point)]


def _class_of(point: Point) -> str:
    return unique_text([NASBENCH_OPERATIONS[index] for index in point])
