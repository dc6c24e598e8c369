"""Spaces that a JSON file describes: `space.spec()` and back."""

from collections.abc import Mapping
from typing import Any

from effjax.errors import UserError
from effjax.search.cells.spaces import DartsSpace, NasBench201Space
from effjax.search.choices import Choice
from effjax.search.space import ArchSpace

# spaces with a rule of their own for which points are one architecture
CELLS = {"darts": DartsSpace, "nasbench201": NasBench201Space}


def read_spec(spec: Mapping[str, Any]) -> ArchSpace:
    """The space whose `spec()` this is.

    Raises:
      UserError: it cannot be made.
    """
    if "cells" in spec:
        return _cells(spec["cells"], spec["settings"])
    choices = []
    for path, options in spec["choices"]:
        choices.append(Choice(path, _tuples(options)))
    fields = _fields(spec["fields"])
    return ArchSpace(spec["base"], choices, **fields)


def _cells(
    kind: str,
    settings: Mapping[str, Any],
) -> ArchSpace:
    if kind not in CELLS:
        raise UserError(f"unknown cells {kind!r}; expected one of {', '.join(CELLS)}")
    return CELLS[kind](**_fields(settings))


def _fields(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tuples(value) for name, value in given.items()}


def _tuples(value: Any) -> Any:
    """JSON's lists as tuples, inside too."""
    if not isinstance(value, list):
        return value
    return tuple(map(_tuples, value))
