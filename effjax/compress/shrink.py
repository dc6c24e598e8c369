"""Smaller ordinary networks: fewer channels, fewer heads, fewer blocks.

kept = {"stages_0/blocks_0/mlp/fc1": [0, 2, 5, ...]}
small, variables = shrink(model, variables, kept)
"""

import dataclasses
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from effjax.compress.groups import cut, silence
from effjax.compress.sites import Site, flat, nested, sites_of
from effjax.errors import UserError, nearest
from effjax.models import ImageModel
from effjax.models.architecture import Window, entries, override, set_per_block
from effjax.models.blocks.mixers.mixer import read_fields

Kept = Mapping[str, Sequence[int]]  # {name of a group: the channels that stay}
IMAGE_SIZE = (224, 224)  # of images that only shapes are made of
PER_BLOCK = ("kernel_sizes", "mixers", "square_kernels", "band_kernels")
NESTED = ("mlp_hidden", "inner_widths")


def shrink(
    model: ImageModel,
    variables: Any,
    kept: Kept,
) -> tuple[ImageModel, Any]:
    """A smaller network of the same family, and its variables.

    Its logits are those of `masked(model, variables, kept)`.

    Raises:
      UserError: an unknown group, a channel that is not there, or none that is left.
    """
    sites = sites_of(model, variables)
    checked = _checked(sites, kept)
    groups = [site.group for site in sites]
    arrays = cut(flat(jax.device_get(variables)), groups, checked)
    sizes = {site.group.name: site.group.size for site in sites}
    sizes |= {name: len(channels) for name, channels in checked.items()}
    architecture = _architecture(model.architecture, sites, sizes)
    small = model.clone(architecture=architecture)
    _check_fits(small, arrays)
    return small, nested(arrays)


def masked(
    model: ImageModel,
    variables: Any,
    kept: Kept,
) -> Any:
    """Variables of the same shapes, in which nothing reads a channel that is not kept."""
    sites = sites_of(model, variables)
    groups = [site.group for site in sites]
    return nested(silence(flat(jax.device_get(variables)), groups, _checked(sites, kept)))


def _checked(
    sites: Sequence[Site],
    kept: Kept,
) -> dict[str, list[int]]:
    sizes = {site.group.name: site.group.size for site in sites}
    found = {}
    for name, channels in kept.items():
        if name not in sizes:
            raise UserError(f"there is no group {name!r}: {nearest(name, sizes)}")
        chosen = sorted({int(channel) for channel in channels})
        if not chosen or chosen[0] < 0 or chosen[-1] >= sizes[name]:
            raise UserError(
                f"group {name} has the channels 0 to {sizes[name] - 1}; got {list(channels)[:8]}\n"
                "keep at least one of them; whole blocks go by remove_blocks"
            )
        found[name] = chosen
    return found


# --------------------------------------------------------------------------- the architecture


def _architecture(
    architecture: Any,
    sites: Sequence[Site],
    sizes: Mapping[str, int],
) -> Any:
    """The architecture in which every site has its new size."""
    changed = [site for site in sites if sizes[site.group.name] != site.group.size]
    fields = {site.field for site in changed}
    for field in NESTED:
        if field in fields:
            table = _table(architecture, field, sites, sizes)
            architecture = override(architecture, {field: table})
    if "widths" in fields:
        architecture = _with_widths(architecture, sites, sizes)
    for site in changed:
        if site.field.startswith("mixers."):
            architecture = _with_mixer(architecture, site, sizes[site.group.name])
    return architecture


def _table(
    architecture: Any,
    field: str,
    sites: Sequence[Site],
    sizes: Mapping[str, int],
) -> tuple:
    """The sizes of a field as tuples of stages and blocks."""
    rows: dict[int, dict[int, dict[int, int]]] = {}
    for site in sites:
        if site.field == field:
            blocks = rows.setdefault(site.stage, {}).setdefault(site.block, {})
            blocks[site.slot] = sizes[site.group.name]
    stages = []
    for stage in sorted(rows):
        blocks = []
        for block in sorted(rows[stage]):
            slots = rows[stage][block]
            numbers = tuple(slots[slot] for slot in sorted(slots))
            blocks.append(numbers if field == "inner_widths" else numbers[0])
        stages.append(tuple(blocks))
    return tuple(stages)


def _with_widths(
    architecture: Any,
    sites: Sequence[Site],
    sizes: Mapping[str, int],
) -> Any:
    """Widths of the stem and of the stages; a stage without a shortcut has those before it."""
    known = {}
    for site in sites:
        if site.field == "widths":
            known[site.stage] = sizes[site.group.name]
    widths = []
    width = known[-1]
    for stage in range(len(architecture.depths)):
        width = known.get(stage, width)
        widths.append(width)
    return override(architecture, {"stem_width": known[-1], "widths": tuple(widths)})


def _with_mixer(
    architecture: Any,
    site: Site,
    size: int,
) -> Any:
    """The entry of one block's mixer with another `hidden` or `heads`."""
    entry = entries(architecture, "mixers", site.stage)[site.block]
    name, parenthesis, _ = entry.partition("(")
    values = read_fields(entry) if parenthesis else {}
    values[site.field.removeprefix("mixers.")] = size
    written = ", ".join(f"{key}={value!r}" for key, value in values.items())
    window = Window((), "mixers", site.stage, site.block)
    return set_per_block(architecture, window, f"{name}({written})")


def _check_fits(
    model: ImageModel,
    arrays: Mapping[str, Any],
) -> None:
    """Refuses variables that are not those of the model: a shortcut that has become needless."""
    size = model.image_size() or IMAGE_SIZE
    images = jax.ShapeDtypeStruct((1, *size, model.architecture.in_chans), np.float32)
    wanted = flat(jax.eval_shape(model.init, jax.random.key(0), images))
    for path, shape in wanted.items():
        if path.endswith("pos_embed"):
            continue  # of images of another size
        if path not in arrays or np.shape(arrays[path]) != shape.shape:
            raise UserError(
                f"the smaller network has {path} {shape.shape}, the cut weights "
                f"{np.shape(arrays[path]) if path in arrays else 'have none'}\nkeep other widths"
            )
    further = arrays.keys() - wanted.keys()
    if further:
        raise UserError(
            f"the smaller network has no {sorted(further)[0]}: two stages now have the same width "
            "and need no shortcut\nkeep one channel more in one of them"
        )


# ------------------------------------------------------------------------------------- blocks


def remove_blocks(
    model: ImageModel,
    variables: Any,
    blocks: Collection[tuple[int, int]],
) -> tuple[ImageModel, Any]:
    """A network without some blocks, named by (stage, block).

    A block whose branches give 0 and whose skips have no scale is the identity: the logits are then
    the same. A learned scale of a skip goes with its block.

    Raises:
      UserError: a block that is not there, a stage that would be empty, or one whose first block
        changes the shape.
    """
    depths = list(model.stage_depths())
    for stage, block in blocks:
        if not (0 <= stage < len(depths) and 0 <= block < depths[stage]):
            raise UserError(f"there is no block {(stage, block)}: the depths are {tuple(depths)}")
    stays = []
    for stage, depth in enumerate(depths):
        kept = [block for block in range(depth) if (stage, block) not in set(blocks)]
        if not kept:
            raise UserError(f"stage {stage} would have no block: keep one of its {depth}")
        stays.append(kept)
    architecture = _without_blocks(model.architecture, stays)
    small = model.clone(architecture=architecture)
    arrays = _renamed(model, flat(jax.device_get(variables)), stays)
    _check_fits(small, arrays)
    return small, nested(arrays)


def _without_blocks(
    architecture: Any,
    stays: Sequence[Sequence[int]],
) -> Any:
    names = {field.name for field in dataclasses.fields(architecture)}
    fields: dict[str, Any] = {}
    if "depths" in names:
        fields["depths"] = tuple(len(kept) for kept in stays)
    else:
        fields["depth"] = len(stays[0])
    rows_of = {}  # of each field a row for each stage, with an entry for each of its blocks
    for name in PER_BLOCK:
        if name in names:
            rows_of[name] = [entries(architecture, name, stage) for stage in range(len(stays))]
    for name in NESTED:
        rows = getattr(architecture, name, None)
        if rows is not None:
            rows_of[name] = rows
    for name, rows in rows_of.items():
        fields[name] = tuple(_picked(row, kept) for row, kept in zip(rows, stays, strict=True))
    return override(architecture, fields)


def _picked(
    row: Sequence[Any],
    kept: Sequence[int],
) -> tuple:
    return tuple(row[block] for block in kept)


def _renamed(
    model: ImageModel,
    arrays: Mapping[str, Any],
    stays: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """The arrays of the blocks that stay, by their new numbers."""
    new_names: dict[str, str | None] = {}
    for stage, depth in enumerate(model.stage_depths()):
        for block in range(depth):
            old = "/".join(model.layout.block_path(stage, block))
            new_names[old] = None
            if block in stays[stage]:
                number = list(stays[stage]).index(block)
                new_names[old] = "/".join(model.layout.block_path(stage, number))
    found = {}
    for path, array in arrays.items():
        collection, _, inside = path.partition("/")
        block = _block_of(inside, new_names)
        if block is None:
            found[path] = array
        elif new_names[block] is not None:
            rest = inside.removeprefix(block)
            found[f"{collection}/{new_names[block]}{rest}"] = array
    return found


def _block_of(
    path: str,
    blocks: Collection[str],
) -> str | None:
    """The block that a path lies in."""
    for end in re.finditer("/", path):
        if path[: end.start()] in blocks:
            return path[: end.start()]
    return None
