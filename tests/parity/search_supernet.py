"""The recorded supernets of cells (../shared/parity/SEARCH.md): their weights in our layout.

The authors have a module for each operation of each edge; ours are stacked (`EdgesFrom`).

Shapes: G edges of a stack, C channels, D outputs of a matrix.
"""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen as nn

from effjax.models.blocks.layers import DepthwiseConv
from effjax.models.families.darts import INPUTS
from effjax.models.families.genotypes import SAME
from effjax.ops import depthwise_conv_reference
from effjax.search.cells.edges import CONVOLUTIONS, TWICE
from effjax.search.cells.supernet import CellSpace, CellSupernet, thirds
from tests.parity.search_networks import fill

Path = tuple[str, ...]
OF_OPERATION = re.compile(r"cells\.(\d+)\.(?:_ops|edges)\.([\d<-]+)\._ops\.(\d)\.(.+)\.weight")
STATISTICS = ("running_mean", "running_var")
# the authors' places in an operation -> which of its convolutions that is
LAYERS = {
    "op.1": "depthwise1",
    "op.2": "pointwise1",
    "op.5": "depthwise2",
    "op.6": "pointwise2",
    "op_a.op.1": "depthwise1",
    "op_a.op.2": "pointwise1",
    "op_b.op.1": "depthwise2",
    "op_b.op.2": "pointwise2",
    "conv_1": "skip1",
    "conv_2": "skip2",
    "convs.0": "skip1",
    "convs.1": "skip2",
}


class Place(NamedTuple):
    """Where a tensor of the authors is in our parameters: all of an array, or a part of it."""

    path: Path
    part: int | slice | None = None  # along the first axis, or along the channels


def space_of(primitives: Sequence[str], nodes: int, **fields: Any) -> CellSpace:
    """The space of a recording's operations."""
    operations = tuple(SAME.get(name, name) for name in primitives)
    return CellSpace(operations=operations, nodes=nodes, **fields)


def supernet_of(space: CellSpace, config: Mapping[str, Any]) -> CellSupernet:
    """The network of a recording."""
    layers = config["layers"] if "layers" in config else 3 * config["N"]
    return CellSupernet(
        space,
        config["classes"],
        config["C"],
        layers,
        thirds(layers),
        stem_multiplier=config.get("stem_multiplier", 3),
    )


def place(name: str, space: CellSpace, width: int) -> Place:
    """Where the weight `name` is.

    Args:
      name: without the recording's prefix.
      width: the authors' channels of an edge, C.
    """
    found = OF_OPERATION.fullmatch(name)
    if found is None:
        return Place(_plain_path(name))
    cell, edge, number, layer = found.groups()
    source, node = space.edges[_row(edge, space)]
    sources = next(group for group in space.sources() if source in group)
    rows = space.rows(sources)
    edges = len(rows)
    here = rows.index(space.edges.index((source, node)))
    holder = (f"cells_{cell}", f"from_{sources[-1]}")
    operation = space.operations[int(number)]
    kind = LAYERS[layer]
    if kind.startswith("skip"):
        return Place((*holder, kind), here)
    if kind.startswith("pointwise"):
        stacked = CONVOLUTIONS if kind == "pointwise1" else TWICE
        return Place((*holder, kind), stacked.index(operation) * edges + here)
    channels = slice(here * width, (here + 1) * width)
    return Place((*holder, f"{operation}_{kind}", "kernel"), channels)


def _row(edge: str, space: CellSpace) -> int:
    """DARTS numbers edges; PR-DARTS names them "node<-input"."""
    if "<-" not in edge:
        return int(edge)
    node, source = edge.split("<-")
    return space.edges.index((int(source), int(node) + INPUTS))


def _plain_path(name: str) -> Path:
    *parts, leaf = name.split(".")
    joined = re.sub(r"\.(\d+)", r"_\1", ".".join(parts))
    joined = re.sub(r"preprocess(\d)\.conv_(\d)", r"preprocess\1.conv\2", joined)
    joined = re.sub(r"convs_(\d)", lambda match: f"conv{int(match[1]) + 1}", joined)
    return (*joined.split("."), leaf)


def as_ours(weight: np.ndarray, where: Place) -> np.ndarray:
    """A tensor of the authors in the layout of our array, or of its part."""
    if isinstance(where.part, int):
        return weight[:, :, 0, 0].T  # [D, C, 1, 1] -> [C, D]
    if weight.ndim == 4:
        return weight.transpose(2, 3, 1, 0)
    return weight.T


def parameters(
    names: Sequence[str], shapes: Mapping[str, Sequence[int]], drawn: Any, space: CellSpace
) -> dict[str, Any]:
    """Our parameters from `drawn(name)` of every weight."""
    parts: dict[Path, list[tuple[Place, np.ndarray]]] = {}
    for name in names:
        where = place(name, space, shapes[name][0])
        parts.setdefault(where.path, []).append((where, as_ours(drawn(name), where)))
    tree: dict[str, Any] = {}
    for path, pieces in parts.items():
        *holders, leaf = path
        holder = tree
        for part in holders:
            holder = holder.setdefault(part, {})
        array = _joined(pieces)
        if leaf == "weight":
            leaf = "kernel" if array.ndim > 1 else "scale"
        holder[leaf] = array
    return tree


def _joined(pieces: list[tuple[Place, np.ndarray]]) -> np.ndarray:
    first, value = pieces[0]
    if first.part is None:
        return value
    if isinstance(first.part, int):
        ordered = sorted(pieces, key=lambda piece: piece[0].part)
        return np.stack([array for _, array in ordered])
    ordered = sorted(pieces, key=lambda piece: piece[0].part.start)
    return np.concatenate([array for _, array in ordered], axis=-1)


def filled(
    entries: Sequence[Any], prefix: str, seed: int, space: CellSpace, net: CellSupernet, size: int
) -> dict[str, Any]:
    """Variables of a recording: weights by name, fresh statistics (only training is recorded)."""
    shapes = {name.removeprefix(prefix): shape for name, shape in entries}
    names = [name for name in shapes if not name.endswith(STATISTICS)]

    def drawn(name: str) -> np.ndarray:
        return fill(prefix + name, shapes[name], seed)

    params = parameters(names, shapes, drawn, space)
    rows = {
        kind: np.zeros((len(space.edges), len(space.operations))) for kind in ("normal", "reduce")
    }
    images = jax.ShapeDtypeStruct((1, size, size, 3), np.float64)
    abstract = jax.eval_shape(lambda x: net.init(jax.random.key(0), x, rows), images)
    ours = jax.tree.map(np.shape, params)
    theirs = jax.tree.map(lambda leaf: leaf.shape, abstract["params"])
    if ours != theirs:
        raise ValueError(f"the recorded entries make {ours}, the network has {theirs}")
    statistics = jax.tree.map(lambda leaf: np.zeros(leaf.shape), abstract["batch_stats"])
    return {"params": params, "batch_stats": statistics}


@contextlib.contextmanager
def plain_convolutions() -> Iterator[None]:
    """Depthwise convolutions by XLA's own operation: quick to compile, slow to run."""

    def call(method: Any, args: Any, kwargs: Any, context: Any) -> Any:
        layer = context.module
        if context.method_name != "__call__" or not isinstance(layer, DepthwiseConv):
            return method(*args, **kwargs)
        kernel = layer.variables["params"]["kernel"]
        return depthwise_conv_reference(args[0], kernel, layer.stride, layer.dilation)

    with nn.intercept_methods(call):
        yield


def norm_of(grads: Any, where: Place) -> float:
    """The L2 norm of the gradient of one of the authors' tensors."""
    *holders, leaf = where.path
    holder = grads
    for part in holders:
        holder = holder[part]
    if leaf == "weight":
        leaf = "kernel" if "kernel" in holder else "scale"
    array = np.asarray(holder[leaf])
    if isinstance(where.part, int):
        array = array[where.part]
    elif where.part is not None:
        array = array[..., where.part]
    return float(np.linalg.norm(array.reshape(-1)))
