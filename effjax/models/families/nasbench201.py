"""Networks of NAS-Bench-201: a cell of four nodes and six edges, https://arxiv.org/abs/2001.00326.

A cell's text names the operation of each edge: "|a~0|+|b~0|c~1|+|d~0|e~1|f~2|" has a from the input
to node 1, b and c from the input and from node 1 to node 2, and so on; node 3 is the output.

Shapes: B batch, H W space, C channels, K classes.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal, get_args

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Channels, Depth, Rate, Width, check
from effjax.models.base import ImageModel, Outputs
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.cell_operations import ReluConvNorm, average_pool_3x3
from effjax.models.blocks.layers import padded_conv
from effjax.models.blocks.norms import BatchNorm
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.layout import Layout
from effjax.models.registry import register_family

Operation = Literal["none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3"]
OPERATIONS: tuple[str, ...] = get_args(Operation)
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (from, to), in the order of the text
STAGES = 3
EXAMPLE = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|skip_connect~0|none~1|avg_pool_3x3~2|"


@dataclasses.dataclass(frozen=True)
class NasBench201Architecture:
    """The operations of the six edges, in the order of the text, and the size of the network."""

    ops: tuple[Operation, ...]
    genotype: str | None = None  # given, the text of a cell stands for `ops`
    width: Width = 16  # channels of the first stage; doubled twice
    cells: Depth = 5  # of each of the three stages
    head_dropout: Rate = 0.0  # before the last linear layer
    in_chans: Channels = 3  # 3 for colour images

    def __post_init__(self) -> None:
        if isinstance(self.genotype, str):
            # the text is another way to write the field, not a field beside it
            object.__setattr__(self, "ops", read_cell(self.genotype))
            object.__setattr__(self, "genotype", None)
        check(self)
        if len(self.ops) != len(EDGES):
            raise UserError(f"ops has {len(self.ops)} entries: give one for each of 6 edges")


def read_cell(text: str) -> tuple[str, ...]:
    """The operations of a cell's text, edge by edge.

    Raises:
      UserError: it is no such text, or names edges that the cell does not have.
    """
    operations = []
    edges = []
    for node, part in enumerate(text.split("+"), start=1):
        for entry in part.strip().strip("|").split("|"):
            operation, _, source = entry.partition("~")
            operations.append(operation)
            edges.append((source, str(node)))
    expected = [(str(source), str(node)) for source, node in EDGES]
    if edges != expected or not set(operations) <= set(OPERATIONS):
        raise UserError(f"genotype = {text!r} is no cell of NAS-Bench-201; write it as\n{EXAMPLE}")
    return tuple(operations)


def write_cell(ops: Sequence[str]) -> str:
    """The text of a cell; of fewer edges (1, 3) that of a smaller one."""
    nodes: dict[int, list[str]] = {}
    for operation, (source, node) in zip(ops, EDGES):
        nodes.setdefault(node, []).append(f"{operation}~{source}")
    return "+".join(f"|{'|'.join(entries)}|" for entries in nodes.values())


def is_connected(ops: Sequence[str]) -> bool:
    """Whether the output depends on the input."""
    reached = {0}
    for operation, (source, node) in zip(ops, EDGES):
        if operation != "none" and source in reached:
            reached.add(node)
    _, output = EDGES[len(ops) - 1]
    return output in reached


def unique_text(ops: Sequence[str], zeros: bool = True) -> str:
    """A text that isomorphic cells share.

    A skip is its input, and the order of a sum does not matter.

    Args:
      zeros: `none` and all that follows from it alone is one zero, "#", too.
    """
    texts = {0: "0"}
    terms: dict[int, list[str]] = {}
    for operation, (source, node) in zip(ops, EDGES):
        # all edges of a node come before those that leave it
        if source not in texts:
            texts[source] = "+".join(sorted(terms[source]))
        taken = texts[source]
        if zeros and (operation == "none" or taken == "#"):
            term = "#"
        elif operation == "skip_connect":
            term = taken
        else:
            term = f"({taken})@{operation}"
        terms.setdefault(node, []).append(term)
    _, output = EDGES[len(ops) - 1]
    return "+".join(sorted(terms[output]))


class NasBench201(ImageModel):
    """Stem, three stages of cells with residual reductions between them, mean, linear."""

    layout = Layout(
        stem=("stem_0", "stem_1"),
        block="cells_{block}",
        head=("lastact_0", "classifier"),
    )

    @nn.nowrap
    def stage_depths(self) -> tuple[int, ...]:
        # a reduction counts as a block, as in the authors' list of cells
        return (STAGES * self.architecture.cells + STAGES - 1,)

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        x = padded_conv(a.width, 3, name="stem_0")(x)
        x = BatchNorm(self.batch_axis, name="stem_1")(x, examples)
        features = {}
        place = 0
        for stage in range(STAGES):
            width = a.width * 2**stage
            if stage > 0:
                x = Reduction(width, self.batch_axis, name=f"cells_{place}")(x, examples)
                place += 1
            for _ in range(a.cells):
                x = Cell(a.ops, width, self.batch_axis, name=f"cells_{place}")(x, examples)
                place += 1
            features[f"stage{stage + 1}"] = x
        x = nn.relu(BatchNorm(self.batch_axis, name="lastact_0")(x, examples))
        features["pooled"] = features["prelogits"] = pooled = mean_over_positions(x)
        logits = classify(pooled, self.num_classes, a.head_dropout, examples, "classifier")
        return logits, features


class Cell(nn.Module):
    """Every node is the sum of an operation on each node before it."""

    ops: tuple[str, ...]
    width: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        nodes = [x]
        total = jnp.zeros_like(x)
        for number, (source, node) in enumerate(EDGES):
            if node > len(nodes):
                nodes.append(total)
                total = jnp.zeros_like(x)
            total += self._apply(self.ops[number], f"layers_{number}", nodes[source], examples)
        return total

    def _apply(self, operation: str, name: str, x: Array, examples: Examples) -> Array:
        if operation == "none":
            return jnp.zeros_like(x)
        if operation == "skip_connect":
            return x
        if operation == "avg_pool_3x3":
            return average_pool_3x3(x)
        side = int(operation[-1])
        return ReluConvNorm(self.width, side, self.batch_axis, name=name)(x, examples)


class Reduction(nn.Module):
    """A residual block that halves the map: two convolutions beside a pooled 1x1."""

    width: int
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        y = ReluConvNorm(self.width, 3, self.batch_axis, 2, name="conv_a")(x, examples)
        y = ReluConvNorm(self.width, 3, self.batch_axis, name="conv_b")(y, examples)
        pooled = nn.avg_pool(x, (2, 2), (2, 2))
        return padded_conv(self.width, 1, name="downsample_1")(pooled) + y


@register_family(NasBench201, "cells of NAS-Bench-201, images of 32x32", input_shape=(32, 32, 3))
def nasbench201() -> dict[str, NasBench201Architecture]:
    """A cell of 3x3 convolutions and a skip, which is among the best on CIFAR-10."""
    ops = ("nor_conv_3x3", "nor_conv_3x3", "nor_conv_3x3", "skip_connect") + ("nor_conv_3x3",) * 2
    return {"nasbench201": NasBench201Architecture(ops)}
