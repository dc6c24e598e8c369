"""Schemas: dataclasses own the keys of a config and their defaults.

Three kinds of fields go beyond plain values:

* `Duration`: `every: Duration = UNSET` stands for the keys `every_steps`, `every_epochs`,
  `every_examples`, `every_percent`, of which at most one may be set.
* `dict[str, Section]`: named sections, such as `optim.default` and `optim.<group>`.
* a dataclass with `open_section = True` takes further keys (the fields of a model, the
  hyperparameters of an optimizer), which the factory that reads them checks.
"""

import dataclasses
import functools
import typing
from typing import Any

import ml_collections

from effjax.errors import UserError
from effjax.ranges import NotNegative

UNITS = ("steps", "epochs", "examples", "percent")


@dataclasses.dataclass(frozen=True)
class Duration:
    """Marks a field that is written with its unit in the key, in one unit only."""


UNSET = Duration()


class Section(ml_collections.ConfigDict):
    """A section of a config: a ConfigDict in which True does not become 1.0.

    ml_collections casts a new value to the type of the old one, and a bool is an int to Python.
    """

    def __setitem__(self, key: str, value: Any) -> None:
        was_float = isinstance(self.get(key), float)
        if was_float and isinstance(value, bool):
            raise UserError(f"{key} = {value} is a bool; expected a number")
        super().__setitem__(key, value)


def is_open(section: Any) -> bool:
    """Whether a section takes keys that its dataclass does not declare."""
    return getattr(section, "open_section", False)


@functools.cache
def declared_keys(section: Any) -> dict[str, tuple[Any, Any]]:
    """{key: (annotated type, default)} of a section's dataclass, durations spelled out by unit."""
    if not dataclasses.is_dataclass(section):
        return {}
    hints = typing.get_type_hints(section, include_extras=True)
    keys: dict[str, tuple[Any, Any]] = {}
    for field in dataclasses.fields(section):
        hint = hints[field.name]
        if hint is Duration:
            for unit in UNITS:
                keys[f"{field.name}_{unit}"] = (NotNegative | None, None)
        elif field.default_factory is not dataclasses.MISSING:
            # made once for all, as this function is cached: nobody may change it
            keys[field.name] = (hint, field.default_factory())
        else:
            keys[field.name] = (hint, field.default)
    return keys


def entry_type(hint: Any) -> Any:
    """The dataclass S if `hint` is `dict[str, S]`, else None."""
    if typing.get_origin(hint) is not dict:
        return None
    _, entry = typing.get_args(hint)
    return entry


def child(section: Any, key: str) -> Any:
    """What describes `section.key`: the key's annotated type, or S in a `dict[str, S]`."""
    entry = entry_type(section)
    if entry:  # the sections of a dict are named by the user, and all of one kind
        return entry
    hint, _ = declared_keys(section).get(key, (None, None))
    return hint


def duration_of(key: str) -> str | None:
    """The name of the duration that a key writes: "total" for "total_epochs", else None."""
    name, _, unit = key.rpartition("_")
    if name and unit in UNITS:  # "steps" alone is no duration
        return name
    return None


def to_config(section: Any, values: Any = None) -> ml_collections.ConfigDict:
    """The defaults of a schema (or the `values` of one instance) as a locked ConfigDict.

    Types are left to `check`, whose messages name the key and what was expected; the lock stays off
    in open sections and where sections are named by the user.
    """
    config = Section(type_safe=False)
    for key, (hint, default) in declared_keys(section).items():
        value = getattr(values, key, default)
        if dataclasses.is_dataclass(hint):
            config[key] = to_config(hint, value)
        elif entry := entry_type(hint):
            named = Section(type_safe=False)
            for name, instance in value.items():
                named[name] = to_config(entry, instance)
            config[key] = named
        else:
            config[key] = value
    config.lock()  # from here on a misspelt key is an error
    _unlock_open(config, section)
    return config


def _unlock_open(config: ml_collections.ConfigDict, section: Any) -> None:
    # lock() goes all the way down, so what may grow is opened again afterwards
    if is_open(section) or entry_type(section):
        config.unlock()
    for key, value in config.items():
        if isinstance(value, ml_collections.ConfigDict):
            _unlock_open(value, child(section, key))
