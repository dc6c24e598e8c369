"""What may be chosen in an architecture: paths into its fields, each with options.

"mlp_ratio"                           a field
"depths.1", "ops.3", "normal.2.0"     an entry of a field that is a tuple, or of one inside
"stages_1.blocks_2.kernel_sizes"      the entry of one block, where a field has them
"stages_1.mixer"                      token mixers of a stage, with their window
"stages_1.blocks_2.mixer"             of one block
"resolution"                          the side of the images; no field of the architecture
"""

import dataclasses
import re
from collections.abc import Iterable
from typing import Any

from effjax.errors import UserError
from effjax.models.architecture import field_types, is_per_stage

RESOLUTION = "resolution"
MIXER = "mixer"
# what "mixer" chooses: (entry of `mixers`, entry of `kernel_sizes`, where it has a window)
TOKEN_MIXERS: dict[str, tuple[str, int | None]] = {
    "identity": ("identity", None),
    "pooling": ("pooling", 3),
    "pooling5": ("pooling", 5),
    "depthwise3": ("separable_conv", 3),
    "depthwise5": ("separable_conv", 5),
    "depthwise7": ("separable_conv", 7),
    "attention": ("attention", None),
    "random": ("random", None),
}
IN_STAGE = re.compile(r"stages_(\d+)\.(?:blocks_(\d+)\.)?(\w+)")
ENTRY = re.compile(r"(\w+)((?:\.\d+)*)")


@dataclasses.dataclass(frozen=True)
class Choice:
    """One decision: a path into an architecture, and what may stand there.

    Raises:
      UserError: fewer than two options, or one that comes twice.
    """

    path: str
    options: tuple[Any, ...]

    def __post_init__(self) -> None:
        # the class is frozen, and a config may give a list
        object.__setattr__(self, "options", tuple(self.options))
        if len(self.options) < 2:
            raise UserError(f"{self.path}: {self.options} is no choice; give two options or more")
        kinds = [(type(option), option) for option in self.options]
        for option in kinds:
            if kinds.count(option) > 1:
                raise UserError(f"{self.path}: the option {option[1]!r} comes twice")


@dataclasses.dataclass(frozen=True)
class Place:
    """Where a choice writes.

    Attributes:
      field: of the architecture, or "mixer", or "resolution".
      entry: the indices into nested tuples; () for the whole field.
      stage, block: of a path that names a stage; the block is None for all of its blocks.
    """

    field: str
    entry: tuple[int, ...] = ()
    stage: int | None = None
    block: int | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The fields of the architecture that it writes."""
        return ("mixers", "kernel_sizes") if self.field == MIXER else (self.field,)


def read_path(path: str) -> Place:
    """The place that a path names.

    Raises:
      UserError: it is no path.
    """
    staged = IN_STAGE.fullmatch(path)
    if staged:
        stage, block, field = staged.groups()
        return Place(field, (), int(stage), None if block is None else int(block))
    entry = ENTRY.fullmatch(path)
    if entry is None:
        raise UserError(
            f"{path!r} is no path of a choice\n"
            "give one such as depths.1, mlp_ratio, stages_1.mixer or stages_1.blocks_2.kernel_sizes"
        )
    field, indices = entry.groups()
    return Place(field, tuple(int(index) for index in indices.split(".")[1:]))


def has_entries_of_blocks(hint: Any) -> bool:
    """Whether a stage's entry of a field may itself be a tuple, with one value for each block."""
    if not is_per_stage(hint):
        return False
    inside = hint.__args__[0]
    options = getattr(inside, "__args__", ())
    return any(getattr(option, "__origin__", None) is tuple for option in options)


def check_place(
    path: str,
    place: Place,
    architecture: Any,
) -> None:
    """Refuses a place that the architecture does not have.

    Raises:
      UserError: naming the path.
    """
    if place.field == RESOLUTION:
        return
    hints = field_types(type(architecture))
    for field in place.fields:
        if field not in hints:
            raise UserError(f"{path}: the model has no field {field!r}\nit has {', '.join(hints)}")
        if place.stage is None:
            if place.field == MIXER:
                raise UserError(f"{path}: name the stage, such as stages_0.mixer")
            _check_entry(path, getattr(architecture, field), place.entry)
            continue
        if not is_per_stage(hints[field]):
            raise UserError(f"{path}: the model has one {field} for all stages\ntype {field!r}")
        stages = len(architecture.depths)
        if place.stage >= stages:
            raise UserError(f"{path}: there are {stages} stages, counted from 0")
        if place.block is not None and not has_entries_of_blocks(hints[field]):
            raise UserError(
                f"{path}: {field} has one entry for each stage, none for blocks\n"
                f"type 'stages_{place.stage}.{field}'"
            )


def _check_entry(
    path: str,
    value: Any,
    entry: Iterable[int],
) -> None:
    for index in entry:
        if not isinstance(value, tuple) or index >= len(value):
            raise UserError(f"{path}: there is no entry {index} in {value!r}")
        value = value[index]


# ------------------------------------------------------------------------------------- writing


def set_entry(
    value: Any,
    entry: tuple[int, ...],
    new: Any,
) -> Any:
    """`value` with one entry of its nested tuples replaced; () replaces it as a whole."""
    if not entry:
        return new
    first, *rest = entry
    replaced = set_entry(value[first], tuple(rest), new)
    return (*value[:first], replaced, *value[first + 1 :])


def resized(
    entry: Any,
    depth: int,
) -> Any:
    """A stage's entry for `depth` blocks: the last block's value serves those that are added."""
    if not isinstance(entry, tuple):
        return entry
    kept = entry[:depth]
    return kept + (entry[-1],) * (depth - len(kept))


def set_block(
    entry: Any,
    depth: int,
    block: int,
    new: Any,
) -> tuple:
    """A stage's entry, written out for its `depth` blocks, with another value for one of them."""
    of_blocks = entry if isinstance(entry, tuple) else (entry,) * depth
    return set_entry(of_blocks, (block,), new)


def values_of(
    place: Place,
    option: Any,
) -> dict[str, Any]:
    """{field: what an option writes there}."""
    if place.field != MIXER:
        return {place.field: option}
    mixer, window = TOKEN_MIXERS.get(option, (option, None))
    if window is None:
        return {"mixers": mixer}
    return {"mixers": mixer, "kernel_sizes": window}
