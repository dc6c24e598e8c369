"""The one check of a value against a type annotation, and annotations in words."""

import math
import types
import typing
from collections.abc import Callable
from numbers import Integral, Real
from typing import Annotated, Any

from effjax.ranges import Range, Rising


class Misfit(TypeError):
    """A value does not fit an annotation; the text says what was expected."""


class OutOfRange(Misfit):
    """The value has the right type, but the number is not allowed."""


def fit(value: Any, hint: Any) -> Any:
    """`value` as the annotated type, cast where nothing is lost.

    An int becomes a float and a list a tuple where the annotation says so; NumPy's numbers become
    Python's. A bool is not a number, and a float is finite.

    Args:
      value: anything.
      hint: a type, a union, `Literal`, `tuple`, `list`, `dict`, `Callable[...]`, a `TypedDict`, or
        `Annotated[hint, Range(...)]`.

    Raises:
      Misfit: it does not fit; `OutOfRange` if only its size is wrong.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin is Annotated:
        return _fit_range(value, hint)
    if origin in (types.UnionType, typing.Union):
        return _fit_union(value, arguments)
    if origin is typing.Literal:
        return _fit_choice(value, hint)
    if origin is Callable:
        return _fit_function(value, hint)
    if hint is tuple or origin is tuple:
        return _fit_tuple(value, hint)
    if origin is list:
        return _fit_list(value, hint)
    if hint is dict or origin is dict or typing.is_typeddict(hint):
        return _fit_dict(value, hint)
    return _fit_plain(value, types.NoneType if hint is None else hint)


def _fit_plain(value: Any, hint: type) -> Any:
    if isinstance(value, bool):
        # bool is a subclass of int, so it is told apart before the numbers are looked at
        if hint is bool:
            return value
    elif hint is int and isinstance(value, Integral):
        return int(value)
    elif hint is float and isinstance(value, Real):
        return _fit_float(value)
    elif hint not in (int, float, bool) and isinstance(value, hint):
        return value
    raise Misfit(describe_type(hint))


def _fit_float(value: Real) -> float:
    try:
        number = float(value)
    except OverflowError:  # an int of more than 308 digits
        number = math.inf
    if not math.isfinite(number):
        raise OutOfRange("a finite number")
    return number


def _fit_range(value: Any, hint: Any) -> Any:
    fitted = _fit_entry(value, hint.__origin__, hint)
    for allowed in hint.__metadata__:
        if isinstance(allowed, Range | Rising) and fitted not in allowed:
            raise OutOfRange(describe_type(hint))
    return fitted


def _fit_union(value: Any, options: tuple) -> Any:
    fitted = []
    right_type = False
    for option in options:
        try:
            fitted.append((fit(value, option), option))
        except OutOfRange:
            right_type = True
        except Misfit:
            continue
    if not fitted:
        problem = OutOfRange if right_type else Misfit
        raise problem(" or ".join(map(describe_type, options)))
    # `int | float` leaves 3 an int: the option of the value's own type goes first
    exact = [result for result, option in fitted if type(value) is _bare(option)]
    return exact[0] if exact else fitted[0][0]


def _bare(hint: Any) -> Any:
    return hint.__origin__ if typing.get_origin(hint) is Annotated else hint


def _fit_choice(value: Any, hint: Any) -> Any:
    # 1 == True == 1.0: equal values of another type are another choice
    for choice in typing.get_args(hint):
        if type(choice) is type(value) and choice == value:
            return value
    raise Misfit(describe_type(hint))


def _fit_function(value: Any, hint: Any) -> Callable:
    if not callable(value):
        raise Misfit(describe_type(hint))
    return value


def _fit_tuple(value: Any, hint: Any) -> tuple:
    if not isinstance(value, list | tuple):
        raise Misfit(describe_type(hint))
    hints = typing.get_args(hint) or (Any, Ellipsis)
    if hints[-1] is Ellipsis:
        hints = (hints[0],) * len(value)
    if len(hints) != len(value):
        raise Misfit(describe_type(hint))
    return tuple(_fit_entry(item, entry, hint) for item, entry in zip(value, hints))


def _fit_list(value: Any, hint: Any) -> list:
    if not isinstance(value, list | tuple):
        raise Misfit(describe_type(hint))
    (entry,) = typing.get_args(hint)
    return [_fit_entry(item, entry, hint) for item in value]


def _fit_dict(value: Any, hint: Any) -> dict:
    if not isinstance(value, dict):
        raise Misfit(describe_type(hint))
    if typing.is_typeddict(hint):
        return _fit_fields(value, hint)
    key_hint, value_hint = typing.get_args(hint) or (Any, Any)
    return {
        _fit_entry(key, key_hint, hint): _fit_entry(item, value_hint, hint)
        for key, item in value.items()
    }


def _fit_fields(value: dict, hint: Any) -> dict:
    """A `TypedDict`: its keys are checked, others are kept as they are."""
    fields = typing.get_type_hints(hint, include_extras=True)
    missing = sorted(hint.__required_keys__ - value.keys())
    if missing:
        raise Misfit(f"a key {missing[0]!r}")
    fitted = dict(value)
    for key in fields.keys() & value.keys():
        try:
            fitted[key] = fit(value[key], _declared(fields[key]))
        except Misfit as problem:
            raise type(problem)(f"{problem} for key {key!r}") from None
    return fitted


def _declared(hint: Any) -> Any:
    """`NotRequired[X]` and `Required[X]` are X: whether the key is there was checked before."""
    marked = typing.get_origin(hint) in (typing.NotRequired, typing.Required)
    return typing.get_args(hint)[0] if marked else hint


def _fit_entry(item: Any, hint: Any, whole: Any) -> Any:
    """One entry of a container; the message describes the container as a whole."""
    try:
        return fit(item, hint)
    except Misfit as problem:
        raise type(problem)(describe_type(whole)) from None


def describe_type(hint: Any) -> str:
    """A type annotation in words: "int or None", "float in [0, 1]", "one of 'mesh', 'pmap'"."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        ranges = [str(mark) for mark in hint.__metadata__ if isinstance(mark, Range | Rising)]
        return " ".join([describe_type(hint.__origin__), *ranges])
    if origin in (types.UnionType, typing.Union):
        return " or ".join(map(describe_type, arguments))
    if origin is typing.Literal:
        return "one of " + ", ".join(map(repr, arguments))
    if typing.is_typeddict(hint):
        return f"an object with {', '.join(map(repr, sorted(hint.__required_keys__)))}"
    if hint is Ellipsis:
        return "..."
    if hint in (None, types.NoneType):
        return "None"
    if origin is Callable:
        return "a function"
    if origin is not None:
        return f"{origin.__name__}[{', '.join(map(describe_type, arguments))}]"
    return getattr(hint, "__name__", str(hint))


def with_article(noun: str) -> str:
    """ "int" -> "an int", "str" -> "a str"."""
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"
