"""Architectures as graphs of operations, for encodings that read graphs.

A cell becomes its operations: one node for each edge of the cell, one for each input, one for the
output. Any other space becomes a chain of its choices.

Shapes: N nodes.
"""

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from effjax.models.families.darts import INPUTS, OF_NODE
from effjax.models.families.nasbench201 import EDGES
from effjax.search.cells.spaces import CELL_TYPES, DartsSpace, NasBench201Space
from effjax.search.space import Point, Space

INPUT = "input"
OUTPUT = "output"


@dataclasses.dataclass(frozen=True)
class Graph:
    """A directed graph without circles.

    Attributes:
      operations: the names of N nodes, from input to output.
      edges: (from, to), from < to.
    """

    operations: tuple[str, ...]
    edges: tuple[tuple[int, int], ...]

    @property
    def adjacency(self) -> np.ndarray:
        """[N, N], upper triangular."""
        size = len(self.operations)
        found = np.zeros((size, size), int)
        for source, target in self.edges:
            found[source, target] = 1
        return found


def graph_of(space: Space, point: Point) -> Graph:
    """The graph of a point."""
    if isinstance(space, NasBench201Space):
        return _of_edges(space.decode(point).ops)
    if isinstance(space, DartsSpace):
        architecture = space.decode(point)
        parts = []
        for kind in CELL_TYPES:
            concat = getattr(architecture, f"{kind}_concat")
            parts.append(_of_pairs(getattr(architecture, kind), concat))
        return _side_by_side(parts)
    names = [f"{path}={option}" for path, option in space.options(point).items()]
    chain = tuple((node, node + 1) for node in range(len(names) + 1))
    return Graph((INPUT, *names, OUTPUT), chain)


def _of_edges(operations: Sequence[str]) -> Graph:
    """A cell of NAS-Bench-201: an operation leads to those that leave the node it enters."""
    output = len(EDGES) + 1
    edges = []
    last = max(target for _, target in EDGES)
    for number, (source, target) in enumerate(EDGES, start=1):
        if source == 0:
            edges.append((0, number))
        for later, (other, _) in enumerate(EDGES, start=1):
            if other == target:
                edges.append((number, later))
        if target == last:
            edges.append((number, output))
    return Graph((INPUT, *operations, OUTPUT), tuple(edges))


def _of_pairs(pairs: Sequence[tuple[str, int]], concat: Sequence[int]) -> Graph:
    """A cell of DARTS: an operation takes an input, or both operations of a node before it."""
    operations = [INPUT] * INPUTS + [name for name, _ in pairs] + [OUTPUT]
    edges = []
    for number, (_, state) in enumerate(pairs):
        for source in _of_state(state):
            edges.append((source, INPUTS + number))
    for state in concat:
        for source in _of_state(state):
            edges.append((source, len(operations) - 1))
    return Graph(tuple(operations), tuple(edges))


def _of_state(state: int) -> Sequence[int]:
    """The nodes of the graph whose sum is a state of the cell."""
    if state < INPUTS:
        return (state,)
    first = INPUTS + OF_NODE * (state - INPUTS)
    return range(first, first + OF_NODE)


def _side_by_side(graphs: Sequence[Graph]) -> Graph:
    operations: list[str] = []
    edges = []
    for graph in graphs:
        start = len(operations)
        operations += graph.operations
        edges += [(start + source, start + target) for source, target in graph.edges]
    return Graph(tuple(operations), tuple(edges))


class GraphCodes:
    """The graphs of points as arrays with one vocabulary.

    Attributes:
      words: the operations that a space has, inputs and outputs among them.
    """

    def __init__(self, space: Space):
        self.space = space
        self.words = _words(space)
        self._number = {word: number for number, word in enumerate(self.words)}
        self._graph = functools.lru_cache(maxsize=100_000)(functools.partial(graph_of, space))

    def tokens(self, points: Sequence[Point]) -> np.ndarray:
        """The numbers of the operations, int [n, N]."""
        rows = []
        for point in points:
            rows.append([self._number[name] for name in self._graph(point).operations])
        return np.array(rows)

    def adjacency(self, points: Sequence[Point]) -> np.ndarray:
        """[n, N, N], upper triangular."""
        return np.stack([self._graph(point).adjacency for point in points])


def _words(space: Space) -> tuple[str, ...]:
    names: dict[str, None] = {INPUT: None, OUTPUT: None}
    for choice in space.choices:
        for option in choice.options:
            if isinstance(space, DartsSpace):
                name = option[0]
            elif isinstance(space, NasBench201Space):
                name = option
            else:
                name = f"{choice.path}={option}"
            names[name] = None
    return tuple(names)
