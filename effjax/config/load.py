"""Reads a config: a file, then the overrides of the command line; checks every value.

`path.py:word` chooses a variant of the file (`config_files`); `--config.key.path=value` sets a key
afterwards.
"""

import ast
import contextlib
import dataclasses
import functools
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

import ml_collections

from effjax.config.config_files import call_config
from effjax.config.hints import unknown_key
from effjax.config.schema import (
    UNITS,
    Section,
    child,
    declared_keys,
    duration_of,
    entry_type,
    is_open,
    to_config,
)
from effjax.errors import UserError, nearest
from effjax.kinds import Misfit, OutOfRange, fit, with_article

Schema = TypeVar("Schema")


def load(spec: str, overrides: Sequence[str], schema: type) -> ml_collections.ConfigDict:
    """Reads `path.py[:arg]`, applies `key.path=value` overrides, checks the result.

    Raises:
      UserError: no such file, an error inside the file, an unknown key or a value of another type.
    """
    config = _run_file(spec)
    known = list(declared_keys(schema))
    foreign = [key for key in config if key not in known]
    # a few are misspelt; most of them belong to the schema of another verb
    if 2 * len(foreign) > len(config):
        raise UserError(
            f"{spec.partition(':')[0]} is a config for another verb: it has "
            f"{', '.join(foreign[:3])}, ...; expected {', '.join(known[:3])}, ...\n"
            "list: effjax configs"
        )
    for key, text in _split_overrides(overrides).items():
        _override(config, key, schema, functools.partial(_literal, text))
    check(config, schema)
    return config


def set_values(config: ml_collections.ConfigDict, values: dict[str, Any], schema: type) -> None:
    """Sets keys by their dotted paths, as `--config.key.path=value` does, and checks the result.

    Raises:
      UserError: an unknown key or a value of another type.
    """
    with config.unlocked():  # `check` has locked open sections; unknown keys are refused below
        for key, value in values.items():
            _override(config, key, schema, lambda hint, value=value: value)
    check(config, schema)


def from_json(data: dict[str, Any], schema: type) -> ml_collections.ConfigDict:
    """The config that a run's config.json holds.

    Raises:
      UserError: it does not fit the schema.
    """
    config = to_config(schema)
    _fill(config, data)
    check(config, schema)
    return config


def _fill(config: ml_collections.ConfigDict, data: dict[str, Any]) -> None:
    with config.unlocked():
        for key, value in data.items():
            if not isinstance(value, dict):
                config[key] = value
                continue
            # sections that the user has named, such as a group of `optim`, have no default
            if not isinstance(config.get(key), ml_collections.ConfigDict):
                config[key] = Section(type_safe=False)
            _fill(config[key], value)


def _run_file(spec: str) -> ml_collections.ConfigDict:
    config = call_config(spec, "get_config")
    path = spec.partition(":")[0]
    if isinstance(config, ml_collections.ConfigDict):
        return config
    kind = with_article(type(config).__name__)
    if config is None:  # most often the `return` was forgotten
        kind = "None"
    raise UserError(f"{path}: get_config returned {kind}; return effjax.default_config()")


def _split_overrides(overrides: Sequence[str]) -> dict[str, str]:
    """{"key.path": text} of "--config.key.path=text"."""
    texts: dict[str, str] = {}
    for override in overrides:
        assignment = override.removeprefix("--").removeprefix("config.")
        key, equals, text = assignment.partition("=")
        if not equals:
            raise UserError(f"override {override!r} has no value; type --config.{key}=VALUE")
        texts[key] = text
    given: dict[str, str] = {}  # {duration: the key that sets it}
    for key, text in texts.items():
        name = duration_of(key)
        sets_duration = name is not None and _literal(text) is not None
        if not sets_duration:
            continue
        # asked before they are applied: there the second unit silently replaces the first
        other = given.setdefault(name, key)
        if other != key:
            raise UserError(f"two units for one duration: {other} and {key}; give one of them")
    return texts


def _literal(text: str, hint: Any = Any) -> Any:
    """A Python literal, else the text itself; true, false and none are read in any case.

    Where the annotation wants text, 2024 is text too.
    """
    words = {"true": True, "false": False, "none": None}
    value: Any = text
    if text.lower() in words:
        value = words[text.lower()]
    else:
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            value = ast.literal_eval(text)
    if not _fits(value, hint) and _fits(text, hint):
        return text
    return value


def _fits(value: Any, hint: Any) -> bool:
    try:
        fit(value, hint)
    except Misfit:
        return False
    return True


def _override(
    config: ml_collections.ConfigDict,
    path: str,
    schema: type,
    read: Callable[[Any], Any],
) -> None:
    """Sets one key by its dotted path; a duration replaces the other units of the same name.

    Args:
      read: takes the key's annotation (`Any` if it has none) and returns the value.
    """
    node = config
    section = schema
    *parents, leaf = path.split(".")
    for key in parents:
        entry = entry_type(section)
        if key not in node and entry:
            node[key] = to_config(entry)  # --config.optim.head.name=... makes the group "head"
        if not isinstance(node.get(key), ml_collections.ConfigDict):
            raise UserError(unknown_key(path, key, node, config))
        node = node[key]
        section = child(section, key)
    if leaf not in node and not is_open(section):
        raise UserError(unknown_key(path, leaf, node, config))
    if isinstance(node.get(leaf), ml_collections.ConfigDict):
        raise UserError(f"config.{path} is a section; set one of its keys: {', '.join(node[leaf])}")
    hint = child(section, leaf) or Any
    value = _fitted(path, read(hint), hint)
    units = [f"{duration_of(leaf)}_{unit}" for unit in UNITS]
    # a single `decay_steps` of an open section is a number of its own
    is_duration = leaf in units and set(units) <= set(declared_keys(section))
    if is_duration and value is not None:
        node.update(dict.fromkeys(units))
    node[leaf] = value


# ------------------------------------------------------------------------------------ checking


def check(config: ml_collections.ConfigDict, schema: type, path: str = "") -> None:
    """Compares keys and types with the schema; ints become floats and lists tuples where asked.

    Raises:
      UserError: naming the key, what came and what was expected.
    """
    declared = declared_keys(schema)
    for key in list(config):  # a copy: values are replaced on the way
        full = f"{path}{key}"
        value = config[key]
        hint = child(schema, key)
        entry = entry_type(hint)
        if dataclasses.is_dataclass(hint):
            check(_section(full, value), hint, f"{full}.")
        elif entry:
            for name in _section(full, value):
                inner = f"{full}.{name}"
                check(_section(inner, value[name]), entry, f"{inner}.")
        elif hint is not None:
            _replace_fitted(config, key, _fitted(full, value, hint))
        elif not is_open(schema):
            section = f"config.{path}".rstrip(".")
            raise UserError(f"{section} has no key {key!r}; {nearest(key, declared)}")
    for key in declared:
        if key not in config:
            raise UserError(f"config.{path}{key} is missing; start from effjax.default_config()")
    _check_units(config, declared, path)


def _replace_fitted(config: ml_collections.ConfigDict, key: str, fitted: Any) -> None:
    """Puts a value of another type in the place of one."""
    if type(fitted) is type(config[key]):
        return
    # ml_collections casts a tuple back to the list that was there before
    with config.unlocked():
        del config[key]
        config[key] = fitted


def _check_units(
    config: ml_collections.ConfigDict,
    declared: Collection[str],
    path: str,
) -> None:
    """Refuses a duration that is given in two units."""
    # no set: of several mistakes the same one is reported each time
    durations = dict.fromkeys(duration_of(key) for key in declared)
    for name in durations:
        if name is None:
            continue
        keys = [f"{name}_{unit}" for unit in UNITS]
        given = [f"config.{path}{key}" for key in keys if config.get(key) is not None]
        if len(given) > 1:
            raise UserError(f"two units for one duration: {' and '.join(given)}; give one of them")


def read_section(section: Any, schema: type[Schema], path: str, known: Sequence[str]) -> Schema:
    """An instance of the dataclass `schema` from an open section of a config, checked.

    Durations stay unset in the instance: `Clock.steps` reads them from the section.

    Args:
      section: a `View` of the section; all its keys count as read.
      path: of the section, for messages, such as "task.".
      known: keys of the section that are not the schema's.

    Raises:
      UserError: naming an unknown key with the nearest known one, or a wrong value.
    """
    values = to_config(schema)
    values.unlock()
    values.update(section.extras(*known))
    check(values, schema, path)
    names = {field.name for field in dataclasses.fields(schema)}
    chosen = {}
    for key, value in values.items():
        if key in names:  # a duration's keys are none of its fields
            chosen[key] = value
    return schema(**chosen)


def _section(path: str, value: Any) -> ml_collections.ConfigDict:
    if not isinstance(value, ml_collections.ConfigDict):
        hint = ""
        section, _, key = path.rpartition(".")
        if section:  # of the sections that the user names, "default" is always there
            hint = f"; did you mean config.{section}.default.{key}?"
        raise UserError(f"config.{path} is a section of keys; got {value!r}{hint}")
    return value


def _fitted(path: str, value: Any, hint: Any) -> Any:
    try:
        return fit(value, hint)
    except OutOfRange as expected:
        raise UserError(f"config.{path} = {value!r} is out of range; expected {expected}") from None
    except Misfit as expected:
        kind = with_article(type(value).__name__)
        raise UserError(f"config.{path} = {value!r} is {kind}; expected {expected}") from None
