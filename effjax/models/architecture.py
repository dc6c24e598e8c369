"""An architecture is data: a frozen dataclass of which every field can be given by keyword.

Lengths are checked here, so that a model is written for values that are right. A field annotated
`tuple[X, ...]` has one entry for each stage.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeVar

from effjax.errors import UserError, nearest

A = TypeVar("A")


def override(architecture: A, fields: Mapping[str, Any]) -> A:
    """`architecture` with `fields` replaced; lists become tuples, a scalar serves every stage.

    Raises UserError for an unknown field, a wrong type or a wrong number of entries.
    """
    hints = typing.get_type_hints(type(architecture))
    kind = type(architecture).__name__
    for name in fields:
        if name not in hints:
            raise UserError(f"a {kind} has no field {name!r}: {nearest(name, hints)}")
    defaults = getattr(architecture, "depths", ())
    depths = fields.get("depths", defaults)
    stages = len(depths if isinstance(depths, (list, tuple)) else defaults)
    values = {}
    for name, value in fields.items():
        if _per_stage(hints[name]) and not isinstance(value, (list, tuple)):
            value = (value,) * stages
        try:
            values[name] = _conform(value, hints[name])
        except TypeError as problem:
            default = getattr(architecture, name)
            message = f"{name}={value!r}: {problem}; a right value looks like {default!r}"
            raise UserError(message) from None
    return dataclasses.replace(architecture, **values)


def check(architecture: Any, *windows: str) -> None:
    """Raise UserError unless an architecture can be built.

    Every per-stage field must have as many entries as `depths`, the fields named by `windows` odd
    sizes, depths and dims at least 1; `drop_path_rate` and `head_dropout` lie in [0, 1).
    """
    hints = typing.get_type_hints(type(architecture))
    for name in filter(lambda name: _per_stage(hints[name]), hints):
        values, depths = getattr(architecture, name), architecture.depths
        if len(values) != len(depths):
            raise UserError(
                f"{name} has {len(values)} entries for the {len(depths)} stages of "
                f"depths={depths}: give one for each stage"
            )
        if name in ("depths", "dims") and min(values) < 1:
            raise UserError(f"{name}={values}: expected numbers of at least 1")
    for name in windows:
        for stage, depth in enumerate(architecture.depths):
            for entry in per_block(getattr(architecture, name)[stage], depth, name):
                for size in sides(entry):
                    if size < 1 or size % 2 == 0:
                        raise UserError(
                            f"{name}: {size} has no middle, expected odd sizes such as 7"
                        )
    for name in ("drop_path_rate", "head_dropout"):
        if not 0 <= getattr(architecture, name) < 1:
            raise UserError(f"{name}={getattr(architecture, name)}: expected 0 <= {name} < 1")


def per_block(entry: Any, depth: int, name: str) -> tuple:
    """A stage's entry as one value for each of its `depth` blocks; raises UserError."""
    if not isinstance(entry, tuple):
        return (entry,) * depth
    if len(entry) != depth:
        raise UserError(f"{name}: {entry} has {len(entry)} entries for a stage of {depth} blocks")
    return entry


def sides(size: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of a block's window: one size is a square."""
    return size if isinstance(size, tuple) else (size, size)


def _per_stage(hint: Any) -> bool:
    return typing.get_origin(hint) is tuple and typing.get_args(hint)[-1] is Ellipsis


def _conform(value: Any, hint: Any) -> Any:
    """`value` as the annotation `hint` wants it, or TypeError."""
    origin, options = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        for option in options:
            try:
                return _conform(value, option)
            except TypeError:
                continue
        raise TypeError(f"{value!r} is none of {hint}")
    if origin is typing.Literal:
        if value not in options:
            raise TypeError(f"{value!r} is unknown, {nearest(str(value), map(str, options))}")
        return value
    if origin is tuple:
        return _conform_tuple(value, options)
    for kind, accepted in ((bool, bool), (int, Integral), (float, Real)):
        if (
            hint is kind
            and isinstance(value, accepted)
            and (kind is bool) == isinstance(value, bool)
        ):
            return kind(value)
    if hint in (str, types.NoneType) and isinstance(value, hint):
        return value
    raise TypeError(f"{value!r} is not {hint.__name__}")


def _conform_tuple(value: Any, options: Sequence[Any]) -> tuple:
    if not isinstance(value, (list, tuple)):
        raise TypeError(f"{value!r} is not a sequence")
    if options[-1] is Ellipsis:
        options = options[:1] * len(value)
    if len(options) != len(value):
        raise TypeError(f"{value!r} has {len(value)} entries, {len(options)} are wanted")
    return tuple(_conform(item, option) for item, option in zip(value, options, strict=True))
