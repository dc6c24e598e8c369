"""The one check of a value against an annotation."""

from collections.abc import Callable
from typing import Annotated, Any, Literal, NotRequired, TypedDict

import numpy as np
import pytest

from effjax.kinds import Misfit, OutOfRange, describe_type, fit
from effjax.ranges import BelowOne, Count, Positive, Range, Rising, Share

PAIR = Annotated[tuple[Share, Share], Rising()]


class Card(TypedDict):
    name: str
    labels: NotRequired[list[str]]


@pytest.mark.parametrize(
    ("value", "hint", "expected"),
    [
        (3, float, 3.0),
        (np.int64(3), int, 3),
        (np.float32(0.5), float, 0.5),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, 2.5], tuple[float, float], (1.0, 2.5)),
        (3, int | float, 3),
        (None, Positive | None, None),
        (0.5, Share, 0.5),
        ([1, 2], tuple[Positive, Positive], (1.0, 2.0)),
        ([0, 1], PAIR, (0.0, 1.0)),
        ("x", Literal["x", "y"], "x"),
        (("a", 1), tuple[str, str | int], ("a", 1)),
        ({"name": "n", "more": 1}, Card, {"name": "n", "more": 1}),
        ({"a": 1}, dict[str, int], {"a": 1}),
        (object, Any, object),
    ],
)
def test_what_fits(value, hint, expected):
    fitted = fit(value, hint)
    assert fitted == expected
    assert type(fitted) is type(expected)


@pytest.mark.parametrize(
    ("value", "hint", "problem", "said"),
    [
        (True, float, Misfit, "float"),
        (True, int, Misfit, "int"),
        (True, Share, Misfit, "float in [0, 1]"),
        (1, bool, Misfit, "bool"),
        (True, Literal[1, 2], Misfit, "one of 1, 2"),
        (1.5, int, Misfit, "int"),
        (float("nan"), float, OutOfRange, "finite"),
        (10**400, float, OutOfRange, "finite"),
        ((0.1, float("inf")), tuple[float, float], OutOfRange, "tuple"),
        (1.5, Share, OutOfRange, "float in [0, 1]"),
        (1, BelowOne, OutOfRange, "float in [0, 1)"),
        (0, Positive | None, OutOfRange, "float > 0 or None"),
        (0, Count, OutOfRange, "int >= 1"),
        ("1", Count | None, Misfit, "int >= 1 or None"),
        ((0, 1), tuple[Positive, Positive], OutOfRange, "tuple[float > 0, float > 0]"),
        ((1, 0.1), PAIR, OutOfRange, "tuple[float in [0, 1], float in [0, 1]] with the lower"),
        ((0, 2), PAIR, OutOfRange, "tuple[float in [0, 1], float in [0, 1]] with the lower"),
        ((1, 2, 3), tuple[int, int], Misfit, "tuple[int, int]"),
        ([], Card, Misfit, "an object with 'name'"),
        ({}, Card, Misfit, "a key 'name'"),
        ({"name": "n", "labels": [1]}, Card, Misfit, "list[str] for key 'labels'"),
        ({"a": "b"}, dict[str, int], Misfit, "dict[str, int]"),
    ],
)
def test_what_does_not_fit(value, hint, problem, said):
    with pytest.raises(problem) as caught:
        fit(value, hint)
    assert said in str(caught.value)


def test_annotations_in_words():
    assert describe_type(int | tuple[int, int]) == "int or tuple[int, int]"
    assert describe_type(tuple[str, ...] | None) == "tuple[str, ...] or None"
    assert describe_type(Annotated[float, Range(0, 2, "(]")]) == "float in (0, 2]"


def test_a_function_is_anything_that_can_be_called():
    hint = Callable[[int], float]
    assert fit(len, hint) is len
    with pytest.raises(Misfit, match="a function"):
        fit(3, hint)
