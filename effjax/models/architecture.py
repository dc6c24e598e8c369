"""An architecture is data: a frozen dataclass of which every field can be given by keyword.

The annotations say what a field may be, ranges included (`effjax.ranges`). A field annotated
`tuple[X, ...]` has one entry for each stage. Everything is checked when the dataclass is made, so
that a network is only written for values that are right.
"""

import dataclasses
import functools
import typing
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, TypeVar

from effjax.errors import UserError, nearest
from effjax.kinds import Misfit, fit
from effjax.ranges import BelowOne, Range

A = TypeVar("A")

# The upper ends lie far above every published network: what is larger is a slip of the keyboard,
# and is refused before anything of that size is allocated.
Depth = Annotated[int, Range(1, 1000)]
Width = Annotated[int, Range(1, 65536)]
Channels = Annotated[int, Range(1, 65536)]
Classes = Annotated[int, Range(0, 10_000_000)]
Kernel = Annotated[int, Range(1, 1023)]
Stride = Annotated[int, Range(1, 256)]
Pad = Annotated[int, Range(0, 512)]
Ratio = Annotated[float, Range(0, 256, "(]")]
Rate = BelowOne
# the window of a block: a side, or (height, width)
Sides = Kernel | tuple[Kernel, Kernel]
# the windows of a stage: one side for all of its blocks, or what each block has
Windows = Kernel | tuple[Sides, ...]
Squares = Kernel | tuple[Kernel, ...]


@dataclasses.dataclass(frozen=True)
class Window:
    """Where an architecture holds the size of one module's window.

    Attributes:
      path: of the module in the network: ("stages_0", "blocks_1", "token_mixer", "dwconv").
      field: of the architecture, such as "kernel_sizes".
      stage, block: of its entry, counted from 0.
      side: which side of the entry it uses: "both", or a band one of them.
    """

    path: tuple[str, ...]
    field: str
    stage: int
    block: int
    side: Literal["both", "high", "wide"] = "both"


@functools.cache
def field_types(kind: type) -> dict[str, Any]:
    """{name: annotation} of the fields of an architecture's dataclass."""
    return typing.get_type_hints(kind, include_extras=True)


def override(architecture: A, fields: Mapping[str, Any], whose: str = "the model") -> A:
    """`architecture` with `fields` replaced; lists become tuples, a scalar serves every stage.

    `whose` names the model in messages.

    Raises UserError for an unknown field, a wrong type, a number out of its range or a wrong number
    of entries.
    """
    hints = field_types(type(architecture))
    check_fields(fields, hints, whose)
    stages = _number_of_stages(architecture, fields)
    values = {}
    for name, value in fields.items():
        is_scalar = not isinstance(value, (list, tuple))
        if is_scalar and is_per_stage(hints[name]):
            value = (value,) * stages
        example = f"\nsuch as {name}={getattr(architecture, name)!r}"
        values[name] = _fitted(name, value, hints[name], example)
    return dataclasses.replace(architecture, **values)


def check_fields(given: Iterable[str], known: Iterable[str], whose: str) -> None:
    """Raises UserError for a name that is no field, with the nearest that is one."""
    for name in given:
        if name not in known:
            raise UserError(f"{whose} has no field {name!r}: {nearest(name, known)}")


def check(architecture: Any, *windows: str) -> None:
    """Fit every field to its annotation, and raise UserError unless a network can be built.

    For `__post_init__`. Every per-stage field must have as many entries as `depths`; the fields
    named by `windows` hold odd sizes.
    """
    hints = field_types(type(architecture))
    for name, hint in hints.items():
        value = _fitted(name, getattr(architecture, name), hint)
        # The dataclass is frozen; it is only now being made.
        object.__setattr__(architecture, name, value)
    if "depths" in hints:
        _check_entries(architecture, hints)
    for name in windows:
        _check_windows(architecture, name)


def _fitted(name: str, value: Any, hint: Any, example: str = "") -> Any:
    try:
        return fit(value, hint)
    except Misfit as problem:
        raise UserError(f"{name}={value!r}: expected {problem}{example}") from None


def _number_of_stages(architecture: Any, fields: Mapping[str, Any]) -> int:
    present = getattr(architecture, "depths", ())
    depths = fields.get("depths", present)
    # a scalar `depths` keeps the number of stages
    return len(depths if isinstance(depths, (list, tuple)) else present)


def _check_entries(architecture: Any, hints: Mapping[str, Any]) -> None:
    depths = architecture.depths
    if not depths:
        raise UserError("depths=(): a network has at least one stage, give depths such as (2, 2)")
    for name, hint in hints.items():
        if not is_per_stage(hint):
            continue
        values = getattr(architecture, name)
        if len(values) != len(depths):
            raise UserError(
                f"{name} has {len(values)} entries for the {len(depths)} stages of "
                f"depths={depths}: give one for each stage"
            )


def _check_windows(architecture: Any, name: str) -> None:
    for stage in range(len(architecture.depths)):
        for window in entries(architecture, name, stage):
            for size in sides(window):
                if size % 2 == 0:
                    raise UserError(f"{name}: {size} has no middle, expected odd sizes such as 7")


def is_per_stage(hint: Any) -> bool:
    """Whether a field has one entry for each stage."""
    if typing.get_origin(hint) is not tuple:
        return False
    return typing.get_args(hint)[-1] is Ellipsis  # tuple[X, ...]


def per_block(entry: Any, depth: int, name: str) -> tuple:
    """A stage's entry as one value for each of its `depth` blocks; raises UserError."""
    if not isinstance(entry, tuple):
        return (entry,) * depth
    if len(entry) != depth:
        raise UserError(f"{name}: {entry} has {len(entry)} entries for a stage of {depth} blocks")
    return entry


def entries(architecture: Any, field: str, stage: int) -> tuple:
    """What a field holds for each block of a stage, counted from 0; raises UserError."""
    entry = getattr(architecture, field)[stage]
    return per_block(entry, architecture.depths[stage], field)


def entry_of_block(architecture: Any, window: Window) -> int | tuple[int, int]:
    """What the architecture holds for a window: a size, or (height, width)."""
    return entries(architecture, window.field, window.stage)[window.block]


def set_per_block(architecture: A, window: Window, value: Any) -> A:
    """`architecture` with another entry for one block.

    The field is written out to one entry for each block in every stage. Raises UserError as
    `override` does.
    """
    stages = []
    for stage in range(len(architecture.depths)):
        of_blocks = list(entries(architecture, window.field, stage))
        if stage == window.stage:
            of_blocks[window.block] = value
        stages.append(tuple(of_blocks))
    return override(architecture, {window.field: tuple(stages)})


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a block's window: one size is a square."""
    return size if isinstance(size, tuple) else (size, size)
