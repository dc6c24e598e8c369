"""The network in which all cells of a space live at once: every edge a sum of all operations.

DARTS, https://arxiv.org/abs/1806.09055. The two types of cell, normal and reduction, have one row
of operation weights for each edge; cells of a type share them.

Shapes: B batch, H W space, C channels of a node, E edges of a cell, O operations, K classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax.errors import UserError, nearest
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.layers import padded_conv
from effjax.models.blocks.norms import BatchNorm
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.families.darts import INPUTS, OPERATIONS
from effjax.search.cells.edges import EdgesFrom
from effjax.search.cells.preprocess import Fit, FitReduced

CELL_TYPES = ("normal", "reduce")
Weights = Mapping[str, Array]  # {"normal": [E, O], "reduce": [E, O]}


@dataclass(frozen=True)
class CellSpace:
    """What is the same in all cells that are searched together.

    Attributes:
      operations: of an edge, in the order of the weights.
      nodes: of a cell, each with an edge from every state before it.
      norm_pools: whether pooled maps are normalised (DARTS) or not (PR-DARTS).
      last_norm: whether a norm and a ReLU follow the last cell (PR-DARTS).
    """

    operations: tuple[str, ...] = OPERATIONS
    nodes: int = 4
    norm_pools: bool = True
    last_norm: bool = False

    def __post_init__(self) -> None:
        unknown = sorted(set(self.operations) - set(OPERATIONS))
        if unknown:
            raise UserError(f"operations has {unknown[0]!r}: {nearest(unknown[0], OPERATIONS)}")
        if not set(self.operations) - {"none"}:
            raise UserError("operations: give one or more beside 'none', such as 'skip_connect'")

    @property
    def edges(self) -> tuple[tuple[int, int], ...]:
        """(from, to) of every edge, in the order of the weights; nodes are counted from 2."""
        found = []
        for node in range(INPUTS, INPUTS + self.nodes):
            for source in range(node):
                found.append((source, node))
        return tuple(found)

    def sources(self) -> tuple[tuple[int, ...], ...]:
        """States whose edges reach the same nodes: both inputs together, then each node."""
        inner = range(INPUTS, INPUTS + self.nodes - 1)  # nothing leaves the last node
        return (tuple(range(INPUTS)), *((node,) for node in inner))

    def rows(self, sources: tuple[int, ...]) -> list[int]:
        """The rows of the weights of the edges that leave `sources`, state by state."""
        place = {edge: row for row, edge in enumerate(self.edges)}
        return [place[edge] for edge in _from(sources, INPUTS + self.nodes)]


def _from(sources: tuple[int, ...], states: int) -> list[tuple[int, int]]:
    first = max(INPUTS, sources[-1] + 1)
    return [(source, node) for source in sources for node in range(first, states)]


class SearchCell(nn.Module):
    """One cell: [B, H, W, nodes C] of the outputs of the two cells before it.

    Attributes:
      reduces: edges from the two inputs halve the map.
      reduced: the cell before this one did, so that its two inputs differ in size.
    """

    space: CellSpace
    width: int
    reduces: bool
    reduced: bool
    batch_axis: str | None

    @nn.compact
    def __call__(self, before: Array, last: Array, weights: Array, examples: Examples) -> Array:
        space = self.space
        fit = FitReduced if self.reduced else Fit
        first = fit(self.width, self.batch_axis, name="preprocess0")(before, examples)
        second = Fit(self.width, self.batch_axis, name="preprocess1")(last, examples)
        states = [first, second]
        sums: dict[int, Array] = {}
        for sources in space.sources():
            if sources[-1] >= INPUTS:
                # all edges into this node are summed by now
                states.append(sums[sources[-1]])
            targets = INPUTS + space.nodes - max(INPUTS, sources[-1] + 1)
            stride = 2 if self.reduces and sources[-1] < INPUTS else 1
            edges = EdgesFrom(
                space.operations,
                targets,
                stride,
                space.norm_pools,
                self.batch_axis,
                name=f"from_{sources[-1]}",
            )
            stacked = jnp.stack([states[source] for source in sources], axis=-2)
            own = jnp.asarray(weights)[np.array(space.rows(sources))]
            own = own.reshape(len(sources), targets, -1).astype(stacked.dtype)
            reached = edges(stacked, own, examples).sum(-3)  # [B, H, W, T, C]
            for number in range(targets):
                node = INPUTS + space.nodes - targets + number
                sums[node] = sums.get(node, 0.0) + reached[..., number, :]
        return jnp.concatenate([sums[node] for node in sorted(sums)], axis=-1)


class CellSupernet(nn.Module):
    """Stem, cells, mean, linear: logits [B, K] of images [B, H, W, 3] and operation weights.

    Attributes:
      reductions: places of the cells that halve the map.
    """

    space: CellSpace
    num_classes: int
    width: int
    layers: int
    reductions: tuple[int, ...]
    stem_multiplier: int = 3
    batch_axis: str | None = None

    def __call__(self, images: Array, weights: Weights, examples: Examples = None) -> Array:
        return self.with_maps(images, weights, examples)[0]

    @nn.compact
    def with_maps(
        self, images: Array, weights: Weights, examples: Examples = None
    ) -> tuple[Array, list[Array]]:
        """Logits, and the output of every cell with, at the end, what the classifier takes."""
        x = padded_conv(self.stem_multiplier * self.width, 3, name="stem_0")(images)
        x = BatchNorm(self.batch_axis, name="stem_1")(x, examples)
        before = last = x
        width = self.width
        reduced = False
        maps = []
        for place in range(self.layers):
            reduces = place in self.reductions
            width *= 2 if reduces else 1
            cell = SearchCell(
                self.space, width, reduces, reduced, self.batch_axis, name=f"cells_{place}"
            )
            output = cell(before, last, weights["reduce" if reduces else "normal"], examples)
            maps.append(output)
            before = last
            last = output
            reduced = reduces
        if self.space.last_norm:
            last = nn.relu(BatchNorm(self.batch_axis, name="lastact_0")(last, examples))
        pooled = mean_over_positions(last)
        maps.append(pooled)
        return classify(pooled, self.num_classes, 0.0, examples, "classifier"), maps


def thirds(layers: int) -> tuple[int, ...]:
    """Where DARTS reduces: at a third and at two thirds of the depth."""
    return (layers // 3, 2 * layers // 3)
