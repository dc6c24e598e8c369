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


def check_lengths(architecture: Any) -> None:
    """Raise UserError unless every per-stage field has as many entries as `depths`."""
    hints = typing.get_type_hints(type(architecture))
    stages = len(architecture.depths)
    for name in filter(lambda name: _per_stage(hints[name]), hints):
        entries = len(getattr(architecture, name))
        if entries != stages:
            raise UserError(
                f"{name} has {entries} entries for the {stages} stages of depths="
                f"{architecture.depths}: give one for each stage"
            )


def per_block(entry: Any, depth: int, name: str) -> tuple:
    """A stage's entry as one value for each of its `depth` blocks; raises UserError."""
    if not isinstance(entry, tuple):
        return (entry,) * depth
    if len(entry) != depth:
        raise UserError(f"{name}: {entry} has {len(entry)} entries for a stage of {depth} blocks")
    return entry


def check_range(architecture: Any, name: str, low: float, high: float) -> None:
    """Raise UserError unless low <= architecture.name < high."""
    value = getattr(architecture, name)
    if not low <= value < high:
        raise UserError(f"{name}={value}: expected {low} <= {name} < {high}")


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
