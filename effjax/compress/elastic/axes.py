"""Which entries of a network's arrays belong to which channels: declared, family by family.

A group is a set of channels that narrow networks keep a part of: those of a stage, or the hidden
ones of a layer. An axis is one of an array that has entries for them. A stage of InceptionNeXt has
four parts, of which each keeps its first channels, as each has a kernel of its own.

Shapes: N channels of a group; its axes have N * unit * repeats entries.
"""

import dataclasses
from collections.abc import Callable, Collection, Iterator
from typing import Any

from effjax.compress.elastic.space import MLP_RATIO, mlp_ratio
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.architecture import entries
from effjax.models.blocks.mixers import find_mixer
from effjax.registry import Registry

Sizes = tuple[int, ...]
FAMILIES: Registry = Registry("elastic family", "a function in effjax/compress/elastic/axes.py")
MIXERS = ("SeparableConv", "Attention", "Identity", "Pooling")


@dataclasses.dataclass(frozen=True)
class Group:
    """Channels of which narrow networks keep some.

    Attributes:
      name: such as "stages_1" or "stages_1.blocks_0.mlp".
      sizes: architecture -> channels of each of its parts.
      choices: paths of the choices that decide them.
    """

    name: str
    sizes: Callable[[Any], Sizes]
    choices: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Axis:
    """One axis of one array.

    Attributes:
      path: of the array, "params/stem/conv/kernel".
      axis: counted from the end.
      group: the name of its channels.
      unit: consecutive entries of a channel, such as those of an attention head.
      repeats: how often all channels stand one after another: queries, keys and values.
      part: the part of the group that it has entries for; None: all.
      reads: whether the array takes the channels.
    """

    path: str
    axis: int
    group: str
    unit: int = 1
    repeats: int = 1
    part: int | None = None
    reads: bool = False


def axes_of(
    model: ImageModel,
    paths: Collection[str],
) -> tuple[list[Group], list[Axis]]:
    """The groups of a network and their axes.

    Args:
      paths: of all its arrays.

    Raises:
      UserError: a family or a mixer that is not declared.
    """
    name = type(model).__name__
    if name not in FAMILIES.entries:
        known = ", ".join(sorted(FAMILIES.entries))
        raise UserError(f"a {name} cannot be elastic; these can: {known}")
    declared = list(FAMILIES.entries[name](model))
    groups = [entry for entry in declared if isinstance(entry, Group)]
    # layers are declared with all that they may have, such as a bias
    axes = [entry for entry in declared if isinstance(entry, Axis) and entry.path in paths]
    return groups, axes


# --------------------------------------------------------------------------------------- layers

Declared = Iterator[Group | Axis]


def _linear(
    path: str,
    takes: str | None,
    gives: str | None,
    unit: int = 1,
    repeats: int = 1,
) -> Declared:
    """A linear layer or a convolution."""
    if takes is not None:
        yield Axis(f"params/{path}/kernel", -2, takes, reads=True)
    if gives is not None:
        yield Axis(f"params/{path}/kernel", -1, gives, unit, repeats)
        yield Axis(f"params/{path}/bias", -1, gives, unit, repeats)


def _depthwise(
    path: str,
    group: str,
    part: int | None = None,
) -> Declared:
    yield Axis(f"params/{path}/kernel", -1, group, part=part)
    yield Axis(f"params/{path}/bias", -1, group, part=part)


def _norm(
    path: str,
    group: str,
) -> Declared:
    """A norm of any kind, or a scale."""
    for array in ("scale", "bias"):
        yield Axis(f"params/{path}/{array}", -1, group)
    for array in ("mean", "var"):
        yield Axis(f"batch_stats/{path}/{array}", -1, group)


def _mlp(
    path: str,
    stage: int,
    block: int,
) -> Declared:
    width = f"stages_{stage}"
    hidden = f"{width}.blocks_{block}.mlp"

    def sizes(a: Any) -> Sizes:
        if a.mlp_hidden is not None:
            return (a.mlp_hidden[stage][block],)
        return (int(mlp_ratio(a, stage) * a.dims[stage]),)

    yield Group(hidden, sizes, (f"dims.{stage}", f"{width}.blocks_{block}.{MLP_RATIO}"))
    yield from _linear(f"{path}/fc1", width, hidden)
    yield from _linear(f"{path}/fc2", hidden, width)


def _patches(
    path: str,
    stage: int,
) -> Declared:
    """A norm stands before the convolution between stages, behind it in the stem."""
    takes = f"stages_{stage - 1}" if stage > 0 else None
    gives = f"stages_{stage}"
    yield from _linear(f"{path}/conv", takes, gives)
    yield from _norm(f"{path}/norm", gives if takes is None else takes)


def _entrance(stage: int) -> str:
    return "stem" if stage == 0 else f"stages_{stage}/downsample"


# ------------------------------------------------------------------------------------ MetaFormer


@FAMILIES.register("MetaFormer", "ConvFormer, CAFormer, PoolFormer, ...")
def metaformer(model: ImageModel) -> Declared:
    """In the order of the network."""
    a = model.architecture
    for stage, depth in enumerate(a.depths):
        width = f"stages_{stage}"
        yield Group(width, lambda a, stage=stage: (a.dims[stage],), (f"dims.{stage}",))
        yield from _patches(_entrance(stage), stage)
        for block in range(depth):
            path = f"{width}/blocks_{block}"
            for number in (1, 2):
                yield from _norm(f"{path}/norm{number}", width)
                yield from _norm(f"{path}/layer_scale{number}", width)
                yield from _norm(f"{path}/res_scale{number}", width)
            yield from _mixer(f"{path}/token_mixer", entries(a, "mixers", stage)[block], stage)
            yield from _mlp(f"{path}/mlp", stage, block)
    last = len(a.depths) - 1
    yield from _norm("head/norm", f"stages_{last}")
    if a.head == "mlp":
        yield from _head("head/fc", last, ratio=4)
    else:
        yield from _linear("head/fc", f"stages_{last}", None)


def _mixer(
    path: str,
    entry: str,
    stage: int,
) -> Declared:
    make = find_mixer(entry)
    kind = make.func.__name__
    if kind not in MIXERS:
        raise UserError(f"token mixer {entry!r} cannot be elastic; these can: {', '.join(MIXERS)}")
    mixer = make(kernel_size=3)
    width = f"stages_{stage}"
    inner = path.replace("/", ".")
    if kind == "SeparableConv":

        def hidden(a: Any) -> Sizes:
            return (mixer.hidden or mixer.expansion * a.dims[stage],)

        yield Group(inner, hidden, (f"dims.{stage}",))
        yield from _linear(f"{path}/pwconv1", width, inner)
        yield from _depthwise(f"{path}/dwconv", inner)
        yield from _linear(f"{path}/pwconv2", inner, width)
    if kind == "Attention":

        def heads(a: Any) -> Sizes:
            return (mixer.heads or max(a.dims[stage] // mixer.head_dim, 1),)

        yield Group(inner, heads, (f"dims.{stage}",))
        yield from _linear(f"{path}/qkv", width, inner, mixer.head_dim, repeats=3)
        kernel = f"params/{path}/proj/kernel"
        yield Axis(kernel, -2, inner, mixer.head_dim, reads=True)
        yield Axis(kernel, -1, width)


def _head(
    path: str,
    stage: int,
    ratio: int,
) -> Declared:
    """A classifier of two layers with a norm between them."""
    yield Group("head", lambda a: (ratio * a.dims[stage],), (f"dims.{stage}",))
    yield from _linear(f"{path}/fc1", f"stages_{stage}", "head")
    yield from _norm(f"{path}/norm", "head")
    yield from _linear(f"{path}/fc2", "head", None)


# --------------------------------------------------------------------------------- InceptionNeXt


@FAMILIES.register("InceptionNeXt", "square and band kernels in parallel branches")
def inception_next(model: ImageModel) -> Declared:
    """In the order of the network."""
    a = model.architecture
    for stage, depth in enumerate(a.depths):
        width = f"stages_{stage}"

        def parts(
            a: Any,
            stage: int = stage,
        ) -> Sizes:
            branch = int(a.dims[stage] * a.branch_ratio)
            return (a.dims[stage] - 3 * branch, branch, branch, branch)

        yield Group(width, parts, (f"dims.{stage}",))
        yield from _patches(_entrance(stage), stage)
        for block in range(depth):
            path = f"{width}/blocks_{block}"
            for part, branch in enumerate(("dwconv_hw", "dwconv_w", "dwconv_h"), start=1):
                yield from _depthwise(f"{path}/token_mixer/{branch}", width, part)
            yield from _norm(f"{path}/norm", width)
            yield from _mlp(f"{path}/mlp", stage, block)
            yield from _norm(f"{path}/gamma", width)
    last = len(a.depths) - 1
    yield from _head("head", last, ratio=3)
