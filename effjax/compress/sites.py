"""The groups of channels of each family: declared, not traced.

    @SITES.register("ConvNeXt", "hidden channels of the MLPs")
    def convnext(model, arrays): ...

A site is a group and the place in the architecture that states its size. Widths of stages whose
channels pass a LayerNorm are no sites: a LayerNorm over fewer channels is another function, so that
no smaller network gives the same logits.

Shapes: C channels of a stage.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from flax import traverse_util

from effjax.compress.groups import Group, Member
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.architecture import entries
from effjax.models.blocks.mixers import find_mixer
from effjax.registry import Registry

Arrays = Mapping[str, Any]
SITES: Registry = Registry("family with groups", "a function in effjax/compress/sites.py")
ONE_RATIO = "its architecture states one MLP ratio for many blocks, and no width of a single layer"
# families that have none, and why
WITHOUT = {
    "Visformer": ONE_RATIO,
    "InceptionTransformer": ONE_RATIO,
    "DualFormer": ONE_RATIO,
}


@dataclasses.dataclass(frozen=True)
class Site:
    """A group, and where the architecture states its size.

    Attributes:
      group: its channels.
      field: of the architecture; of a mixer "mixers.hidden" or "mixers.heads".
      stage, block: of the entry, counted from 0.
      slot: which number of the entry.
    """

    group: Group
    field: str
    stage: int
    block: int = 0
    slot: int = 0


def flat(variables: Any) -> dict[str, Any]:
    """{"params/stem/conv/kernel": array, ...}."""
    return traverse_util.flatten_dict(variables, sep="/")


def nested(arrays: Arrays) -> Any:
    """The opposite of `flat`."""
    return traverse_util.unflatten_dict(arrays, sep="/")


def sites_of(
    model: ImageModel,
    variables: Any,
) -> list[Site]:
    """The sites of a network, in the order of its layers.

    Raises:
      UserError: a family without declared groups.
    """
    name = type(model).__name__
    if name not in SITES.entries:
        known = ", ".join(sorted(SITES.entries))
        reason = WITHOUT.get(name, "declare them in effjax/compress/sites.py")
        refusal = f"no groups of channels are declared for a {name}: {reason}"
        raise UserError(f"{refusal}\nthere are groups for: {known}")
    return list(SITES.entries[name](model, flat(variables)))


def _blocks(model: ImageModel) -> Iterator[tuple[int, int, str]]:
    """(stage, block, path of its parameters) of each block."""
    for stage, depth in enumerate(model.stage_depths()):
        for block in range(depth):
            yield stage, block, "params/" + "/".join(model.layout.block_path(stage, block))


def _hidden(
    arrays: Arrays,
    prefix: str,
    first: str,
    second: str,
    between: tuple = (),
) -> Group:
    """The channels between two linear layers, with what stands between them."""
    kernel = arrays[f"{prefix}/{first}/kernel"]
    members = [Member(f"{prefix}/{first}/kernel", -1, "out", layer="linear")]
    if f"{prefix}/{first}/bias" in arrays:
        members.append(Member(f"{prefix}/{first}/bias", 0, "with"))
    members.extend(between)
    members.append(Member(f"{prefix}/{second}/kernel", -2, "in", layer="linear"))
    name = f"{prefix.removeprefix('params/')}/{first}"
    return Group(name, kernel.shape[-1], tuple(members))


def _mlps(
    model: ImageModel,
    arrays: Arrays,
) -> Iterator[Site]:
    for stage, block, prefix in _blocks(model):
        if f"{prefix}/mlp/fc1/kernel" in arrays:
            group = _hidden(arrays, f"{prefix}/mlp", "fc1", "fc2")
            yield Site(group, "mlp_hidden", stage, block)


for _family in ("ConvNeXt", "InceptionNeXt", "ViT"):
    SITES.register(_family, "hidden channels of the MLPs")(_mlps)


@SITES.register("MetaFormer", "hidden channels of MLPs and separable convolutions, attention heads")
def metaformer(
    model: ImageModel,
    arrays: Arrays,
) -> Iterator[Site]:
    """The mixers' sites first, block by block, then those of the MLPs."""
    for stage, block, prefix in _blocks(model):
        mixer = f"{prefix}/token_mixer"
        if f"{mixer}/pwconv1/kernel" in arrays:
            dwconv = Member(f"{mixer}/dwconv/kernel", -1, "norm", layer="depthwise")
            group = _hidden(arrays, mixer, "pwconv1", "pwconv2", (dwconv,))
            yield Site(group, "mixers.hidden", stage, block)
        if f"{mixer}/qkv/kernel" in arrays:
            entry = entries(model.architecture, "mixers", stage)[block]
            make = find_mixer(entry)
            head_dim = make.keywords.get("head_dim", make.func.head_dim)
            yield Site(_heads(arrays, mixer, head_dim), "mixers.heads", stage, block)
    yield from _mlps(model, arrays)


def _heads(
    arrays: Arrays,
    mixer: str,
    head_dim: int,
) -> Group:
    """The heads of an attention: queries, keys and values stand side by side."""
    qkv, proj = f"{mixer}/qkv/kernel", f"{mixer}/proj/kernel"
    heads = arrays[proj].shape[-2] // head_dim
    members = (
        Member(qkv, -1, "out", unit=head_dim, repeats=3, layer="qkv"),
        Member(proj, -2, "in", unit=head_dim, layer="proj"),
    )
    return Group(f"{mixer.removeprefix('params/')}/qkv", heads, members)


# --------------------------------------------------------------------------------------- ResNet


@SITES.register("ResNet", "channels inside of blocks, and the width of each stage")
def resnet(
    model: ImageModel,
    arrays: Arrays,
) -> Iterator[Site]:
    """Batch norms look at each channel alone, so that the width of a stage is a group too."""
    reads_stage = "stem"
    producers: dict[str, list[Member]] = {"stem": _normed(arrays, "params/conv1", "params/bn1")}
    consumers: dict[str, list[Member]] = {"stem": []}
    inner: list[Site] = []
    for stage, block, prefix in _blocks(model):
        numbers = [n for n in (1, 2, 3) if f"{prefix}/conv{n}/kernel" in arrays]
        consumers[reads_stage].append(_reads(f"{prefix}/conv1"))
        for slot, number in enumerate(numbers[:-1]):
            members = _normed(arrays, f"{prefix}/conv{number}", f"{prefix}/bn{number}")
            members.append(_reads(f"{prefix}/conv{number + 1}"))
            name = f"{prefix.removeprefix('params/')}/conv{number}"
            size = arrays[f"{prefix}/conv{number}/kernel"].shape[-1]
            inner.append(
                Site(Group(name, size, tuple(members)), "inner_widths", stage, block, slot)
            )
        last = _normed(arrays, f"{prefix}/conv{numbers[-1]}", f"{prefix}/bn{numbers[-1]}")
        shortcut = f"{prefix}/downsample_0"
        if f"{shortcut}/kernel" in arrays:
            consumers[reads_stage].append(_reads(shortcut))
            reads_stage = f"stage{stage}"
            producers[reads_stage] = _normed(arrays, shortcut, f"{prefix}/downsample_1")
            consumers[reads_stage] = []
        producers[reads_stage] += last
    if "params/fc/kernel" in arrays:
        consumers[reads_stage].append(Member("params/fc/kernel", -2, "in", layer="linear"))
    yield from inner
    yield from _stage_widths(model, arrays, producers, consumers)


def _stage_widths(
    model: ImageModel,
    arrays: Arrays,
    producers: dict,
    consumers: dict,
) -> Iterator[Site]:
    for name, members in producers.items():
        everything = (*members, *consumers[name])
        first = members[0]
        size = arrays[first.path].shape[-1]
        title = first.path.removeprefix("params/").removesuffix("/kernel")
        # -1: the stem, whose channels may go on through stages that do not change them
        stage = -1 if name == "stem" else int(name.removeprefix("stage"))
        yield Site(Group(title, size, everything), "widths", stage)


def _normed(
    arrays: Arrays,
    conv: str,
    norm: str,
) -> list[Member]:
    """The outputs of a convolution and its batch norm."""
    statistics = norm.replace("params/", "batch_stats/", 1)
    return [
        Member(f"{conv}/kernel", -1, "out", layer="conv"),
        Member(f"{norm}/scale", 0, "norm", layer="norm"),
        Member(f"{norm}/bias", 0, "with"),
        Member(f"{statistics}/mean", 0, "with"),
        Member(f"{statistics}/var", 0, "with"),
    ]


def _reads(conv: str) -> Member:
    return Member(f"{conv}/kernel", -2, "in", layer="conv")
