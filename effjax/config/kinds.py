"""Fits a value to a type annotation, and says a type annotation in words."""

import types
import typing
from typing import Any

MISFIT = object()


def fit(value: Any, hint: Any) -> Any:
    """`value` cast to the annotated type where nothing is lost, else a marker."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (types.UnionType, typing.Union):
        fitted = [fit(value, kind) for kind in arguments]
        exact = [f for f, kind in zip(fitted, arguments) if f is not MISFIT and type(value) is kind]
        return (exact or [f for f in fitted if f is not MISFIT] or [MISFIT])[0]
    if origin is typing.Literal:
        return value if value in arguments else MISFIT
    if hint is types.NoneType:
        return None if value is None else MISFIT
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if hint is tuple or origin is tuple:
        return _fit_tuple(value, arguments)
    if isinstance(value, bool) and hint is not bool:
        return MISFIT
    return value if isinstance(value, hint) else MISFIT


def _fit_tuple(value: Any, kinds: tuple) -> Any:
    if not isinstance(value, list | tuple):
        return MISFIT
    if kinds and kinds[-1] is Ellipsis:
        kinds = (kinds[0],) * len(value)
    if kinds and len(kinds) != len(value):
        return MISFIT
    items = tuple(fit(item, kind) for item, kind in zip(value, kinds or (Any,) * len(value)))
    return MISFIT if any(item is MISFIT for item in items) else items


def describe_type(hint: Any) -> str:
    """A type annotation in words: "int or None", "one of 'mesh', 'pmap'"."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return " or ".join(describe_type(kind) for kind in arguments)
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if hint is types.NoneType:
        return "None"
    return hint.__name__ if isinstance(hint, type) and origin is None else str(hint)
