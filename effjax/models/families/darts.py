"""Networks of DARTS cells: the genotype is the architecture.

Differentiable Architecture Search, https://arxiv.org/abs/1806.09055; PR-DARTS,
https://arxiv.org/abs/2006.16537, has the same cells.

A cell has two inputs (the outputs of the two cells before it), called 0 and 1, and some nodes,
called 2, 3, ... Each node is the sum of two operations, each on an earlier state.

Shapes: B batch, H W space, C channels, K classes.
"""

import dataclasses
from typing import Literal, get_args

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.architecture import Channels, Depth, Rate, Width, check
from effjax.models.base import ImageModel, Outputs
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.cell_operations import (
    DilatedConv,
    ReluConvNorm,
    SeparableConv,
    StridedReduction,
    average_pool_3x3,
)
from effjax.models.blocks.drops import StochasticDepth
from effjax.models.blocks.layers import Conv, Linear, at_least_float32, max_pool_3x3, padded_conv
from effjax.models.blocks.norms import BatchNorm
from effjax.models.blocks.tail import classify, mean_over_positions
from effjax.models.families.genotypes import DARTS_V1, DARTS_V2, read_genotype
from effjax.models.layout import Layout
from effjax.models.registry import register_family
from effjax.ranges import Count, NotNegativeInt

Operation = Literal[
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
]
OPERATIONS: tuple[str, ...] = get_args(Operation)
Edge = tuple[Operation, NotNegativeInt]  # an operation, and the state that it takes
INPUTS = 2  # states of a cell before its first node
OF_NODE = 2  # edges of a node
AUXILIARY_SIDE = 5  # the window of the auxiliary head's pooling


@dataclasses.dataclass(frozen=True)
class DartsArchitecture:
    """A network of `layers` cells; those at a third and at two thirds of them reduce."""

    normal: tuple[Edge, ...]  # two edges for each node, in the order of the nodes
    reduce: tuple[Edge, ...]  # the same for the cells that halve the map
    normal_concat: tuple[NotNegativeInt, ...] = (2, 3, 4, 5)  # states that make up the output
    reduce_concat: tuple[NotNegativeInt, ...] = (2, 3, 4, 5)
    # given, "Genotype(normal=[('sep_conv_3x3', 0), ...], ...)" stands for the four fields above
    genotype: str | None = None
    width: Width = 36  # channels of a node in the first cells; doubled by each reduction
    layers: Depth = 20  # cells
    stem: Literal["cifar", "imagenet"] = "cifar"  # the latter reduces to an eighth
    stem_multiplier: Count = 3  # channels of the small stem, as a multiple of `width`
    auxiliary: bool = False  # a second classifier at two thirds of the depth, in training alone
    head_dropout: Rate = 0.0  # before the last linear layer
    drop_path_rate: Rate = 0.0  # of each operation that is no skip
    in_chans: Channels = 3  # 3 for colour images

    def __post_init__(self) -> None:
        if isinstance(self.genotype, str):
            # the text is another way to write the fields, not a field beside them
            for name, value in read_genotype(self.genotype).items():
                object.__setattr__(self, name, value)
            object.__setattr__(self, "genotype", None)
        check(self)
        _check_cell("normal", self.normal, self.normal_concat)
        _check_cell("reduce", self.reduce, self.reduce_concat)

    @property
    def reductions(self) -> tuple[int, ...]:
        """The places of the cells that halve the map."""
        return tuple({self.layers // 3, 2 * self.layers // 3})


def _check_cell(name: str, edges: tuple[Edge, ...], concat: tuple[int, ...]) -> None:
    if not edges or len(edges) % OF_NODE:
        raise UserError(
            f"{name} has {len(edges)} edges: give two for each node, such as "
            "(('sep_conv_3x3', 0), ('skip_connect', 1))"
        )
    for place, (operation, source) in enumerate(edges):
        states = INPUTS + place // OF_NODE
        if source >= states:
            raise UserError(
                f"{name}: ({operation!r}, {source}) is an edge of node {states}, which comes after "
                f"the states 0 to {states - 1} alone"
            )
    states = INPUTS + len(edges) // OF_NODE
    if not concat or max(concat) >= states:
        raise UserError(
            f"{name}_concat = {concat}: name states of the cell, which has 0 to {states - 1}"
        )


class DartsNetwork(ImageModel):
    """Stem, cells, mean, linear. With `auxiliary`, features in training have "auxiliary" logits."""

    layout = Layout(
        stem=("stem_0", "stem_1", "stem0_0", "stem0_1", "stem0_3", "stem0_4", "stem1_1", "stem1_2"),
        block="cells_{block}",
        head=("auxiliary_head", "classifier"),
    )

    @nn.nowrap
    def stage_depths(self) -> tuple[int, ...]:
        return (self.architecture.layers,)

    @nn.compact
    def forward(self, x: Array, examples: Examples) -> Outputs:
        a = self.architecture
        before, last = self._stem(x, examples)
        reduced = (
            a.stem == "imagenet"
        )  # whether the newest state is half as large as the one before
        width = a.width
        features: dict[str, Array] = {}
        stage = 1
        for place in range(a.layers):
            reduces = place in a.reductions
            if reduces:
                features[f"stage{stage}"] = last
                width *= 2
                stage += 1
            cell = Cell(a, self.batch_axis, width, reduces, reduced, name=f"cells_{place}")
            output = cell(before, last, examples)
            before = last
            last = output
            reduced = reduces
            if a.auxiliary and place == 2 * a.layers // 3:
                self._auxiliary(last, examples, features)
        features[f"stage{stage}"] = last
        features["pooled"] = features["prelogits"] = pooled = mean_over_positions(last)
        logits = classify(pooled, self.num_classes, a.head_dropout, examples, "classifier")
        return logits, features

    def _stem(self, x: Array, examples: Examples) -> tuple[Array, Array]:
        """The two states before the first cell."""
        a = self.architecture

        def norm(x: Array, name: str) -> Array:
            return BatchNorm(self.batch_axis, name=name)(x, examples)

        if a.stem == "cifar":
            x = padded_conv(a.stem_multiplier * a.width, 3, name="stem_0")(x)
            x = norm(x, "stem_1")
            return x, x
        x = norm(padded_conv(a.width // 2, 3, 2, name="stem0_0")(x), "stem0_1")
        x = norm(padded_conv(a.width, 3, 2, name="stem0_3")(nn.relu(x)), "stem0_4")
        y = norm(padded_conv(a.width, 3, 2, name="stem1_1")(nn.relu(x)), "stem1_2")
        return x, y

    def _auxiliary(self, x: Array, examples: Examples, features: dict[str, Array]) -> None:
        """Logits [B, K] of the second classifier; evaluation leaves it out."""
        is_used = examples is not None or self.is_initializing()
        if self.num_classes == 0 or not is_used:
            return
        head = AuxiliaryHead(
            self.num_classes, self.architecture.stem, self.batch_axis, name="auxiliary_head"
        )
        features["auxiliary"] = head(x, examples)


class AuxiliaryHead(nn.Module):
    """ReLU, pooling, two convolutions, linear: for maps of 8x8 (`cifar`) or 14x14."""

    classes: int
    stem: str
    batch_axis: str | None

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        stride = 3 if self.stem == "cifar" else 2
        # two windows a side, for the 2x2 convolution
        if min(x.shape[1:3]) < AUXILIARY_SIDE + stride:
            raise UserError(
                f"the auxiliary head meets a map of {x.shape[1]}x{x.shape[2]}, too small for its "
                "windows of 5\nset auxiliary=False, or take larger images"
            )
        window = (AUXILIARY_SIDE, AUXILIARY_SIDE)
        x = nn.avg_pool(nn.relu(x), window, (stride, stride))
        x = padded_conv(128, 1, name="features_2")(x)
        x = nn.relu(BatchNorm(self.batch_axis, name="features_3")(x, examples))
        x = Conv(768, (2, 2), use_bias=False, name="features_5")(x)
        if self.stem == "cifar":
            # the network for ImageNet was published without this norm
            x = BatchNorm(self.batch_axis, name="features_6")(x, examples)
        x = at_least_float32(nn.relu(x)).reshape(x.shape[0], -1)
        return Linear(self.classes, name="classifier")(x)


class Cell(nn.Module):
    """Nodes that are sums of two operations each; the output is some of the states, side by side.

    Attributes:
      width: channels of a node.
      reduces: operations on the two inputs have stride 2.
      reduced: the cell before this one reduced, so its inputs differ in size.
    """

    architecture: DartsArchitecture
    batch_axis: str | None
    width: int
    reduces: bool
    reduced: bool

    @nn.compact
    def __call__(self, before: Array, last: Array, examples: Examples) -> Array:
        a = self.architecture
        edges = a.reduce if self.reduces else a.normal
        concat = a.reduce_concat if self.reduces else a.normal_concat
        if self.reduced:
            fit = StridedReduction(self.width, self.batch_axis, name="preprocess0")
        else:
            fit = ReluConvNorm(self.width, 1, self.batch_axis, name="preprocess0")
        first = fit(before, examples)
        fit = ReluConvNorm(self.width, 1, self.batch_axis, name="preprocess1")
        states = [first, fit(last, examples)]
        drop = StochasticDepth(a.drop_path_rate)
        for place in range(0, len(edges), OF_NODE):
            total = 0.0
            for number in range(place, place + OF_NODE):
                operation, source = edges[number]
                stride = 2 if self.reduces and source < INPUTS else 1
                x = self._apply(operation, stride, f"ops_{number}", states[source], examples)
                is_identity = operation == "skip_connect" and stride == 1
                total += x if is_identity else drop(x, examples)
            states.append(total)
        return jnp.concatenate([states[place] for place in concat], axis=-1)

    def _apply(self, operation: str, stride: int, name: str, x: Array, examples: Examples) -> Array:
        if operation == "none":
            return jnp.zeros_like(x[:, ::stride, ::stride])
        if operation == "skip_connect":
            if stride == 1:
                return x
            return StridedReduction(self.width, self.batch_axis, name=name)(x, examples)
        if operation == "avg_pool_3x3":
            return average_pool_3x3(x, stride)
        if operation == "max_pool_3x3":
            return max_pool_3x3(x, stride)
        kind = SeparableConv if operation.startswith("sep") else DilatedConv
        side = int(operation[-1])
        return kind(self.width, side, self.batch_axis, stride, name=name)(x, examples)


@register_family(DartsNetwork, "cells found by DARTS, for images of 32x32", input_shape=(32, 32, 3))
def darts() -> dict[str, DartsArchitecture]:
    """The two published cells: v1 by the first order, v2 by the second."""
    return {
        "darts_v1": DartsArchitecture(**read_genotype(DARTS_V1)),
        "darts_v2": DartsArchitecture(**read_genotype(DARTS_V2)),
    }


@register_family(DartsNetwork, "cells found by DARTS, for ImageNet")
def darts_imagenet() -> dict[str, DartsArchitecture]:
    """The published network for images of 224x224."""
    found = read_genotype(DARTS_V2)
    large = DartsArchitecture(**found, width=48, layers=14, stem="imagenet")
    return {"darts_v2_imagenet": large}
