"""Reads a config file and the overrides of the command line, and checks every value.

A config file is Python: `get_config(arg=None)` starts from `effjax.default_config()`, changes it
and returns it. `path.py:arg` hands `arg` over; `--config.key.path=value` sets one key afterwards.
"""

import ast
import dataclasses
import importlib.util
import re
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import ml_collections

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
    if 2 * len(foreign) > len(config):
        raise UserError(
            f"{spec.partition(':')[0]} is a config for another verb: it has "
            f"{', '.join(foreign[:3])}, ...; expected {', '.join(known[:3])}, ...\n"
            "list: effjax configs"
        )
    for key, value in _parse_overrides(overrides).items():
        _override(config, key, value, schema)
    check(config, schema)
    return config


def set_values(config: ml_collections.ConfigDict, values: dict[str, Any], schema: type) -> None:
    """Sets keys by their dotted paths, as `--config.key.path=value` does, and checks the result.

    Raises:
      UserError: an unknown key or a value of another type.
    """
    with config.unlocked():  # `check` has locked open sections; unknown keys are refused below
        for key, value in values.items():
            _override(config, key, value, schema)
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
            if isinstance(value, dict):
                if not isinstance(config.get(key), ml_collections.ConfigDict):
                    config[key] = Section()
                _fill(config[key], value)
            else:
                config[key] = value


def call_config(spec: str, name: str) -> Any:
    """What the function `name` of the config file `path.py[:arg]` returns.

    Raises:
      UserError: no such file or function, or an error inside the file.
    """
    path_text, _, argument = spec.partition(":")
    path = Path(path_text)
    if path.is_dir():
        raise UserError(
            f"--config={path} is a folder; give a file in it\nlist: effjax configs {path}"
        )
    if not path.is_file():
        siblings = [str(p) for p in path.parent.glob("*.py")] if path.parent.is_dir() else []
        hint = nearest(str(path), siblings) if siblings else "no such folder"
        raise UserError(f"config file {str(path)!r} does not exist ({hint})\nlist: effjax configs")
    module_spec = importlib.util.spec_from_file_location(f"effjax_config_{path.stem}", path)
    module = importlib.util.module_from_spec(module_spec)
    folder = str(path.parent.absolute())
    sys.path.insert(0, folder)  # what several configs share lies beside them
    try:
        module_spec.loader.exec_module(module)
        function = getattr(module, name, None)
        if not callable(function):
            what = "the config" if name == "get_config" else "the variants"
            raise UserError(f"{path} has no function {name}(arg=None) that returns {what}")
        return function(argument) if argument else function()
    except UserError:
        raise
    except Exception as error:
        raise UserError(_where(path, error)) from error
    finally:
        sys.path.remove(folder)


def _run_file(spec: str) -> ml_collections.ConfigDict:
    config = call_config(spec, "get_config")
    path = spec.partition(":")[0]
    if not isinstance(config, ml_collections.ConfigDict):
        kind = "None" if config is None else with_article(type(config).__name__)
        raise UserError(f"{path}: get_config returned {kind}; return effjax.default_config()")
    return config


def _where(path: Path, error: Exception) -> str:
    """One line on an error raised inside a config file: the line, and what was wrong."""
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path.absolute())
    ]
    line = error.lineno if isinstance(error, SyntaxError) else frames[-1].lineno if frames else 0
    message = str(error.args[0] if error.args else error).strip().splitlines() or [""]
    # ml_collections writes the whole section into the message; key and question are what helps
    key = re.search(r'Key "(\w+)" does not exist', str(error))
    question = re.search(r"Did you mean [\"']?(\w+)", str(error))
    if key:
        hint = f"; did you mean {question.group(1)!r}?" if question else ""
        return f"{path}:{line}: the config has no key {key.group(1)!r} there{hint}"
    return f"{path}:{line}: {type(error).__name__}: {message[0][:160]}"


def _parse_overrides(overrides: Sequence[str]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for text in overrides:
        key, equals, value = text.removeprefix("--").removeprefix("config.").partition("=")
        if not equals:
            raise UserError(f"override {text!r} has no value; type --config.{key}=VALUE")
        values[key] = _literal(value)
    given: dict[str, str] = {}
    for key in values:
        name = duration_of(key)
        if name is not None and values[key] is not None:
            other = given.setdefault(name, key)
            if other != key:
                raise UserError(f"two units for one duration: {other} and {key}; give one of them")
    return values


def _literal(text: str) -> Any:
    """A Python literal, else the text itself; true, false and none are read in any case."""
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def _override(config: ml_collections.ConfigDict, path: str, value: Any, schema: type) -> None:
    """Sets one key by its dotted path; a duration replaces the other units of the same name."""
    node, section = config, schema
    *parents, leaf = path.split(".")
    for key in parents:
        if key not in node and entry_type(section):
            node[key] = to_config(entry_type(section))
        if not isinstance(node.get(key), ml_collections.ConfigDict):
            raise UserError(_unknown(path, key, node))
        node, section = node[key], child(section, key)
    if leaf not in node and not is_open(section):
        raise UserError(_unknown(path, leaf, node))
    if isinstance(node.get(leaf), ml_collections.ConfigDict):
        raise UserError(f"config.{path} is a section; set one of its keys: {', '.join(node[leaf])}")
    hint = child(section, leaf)
    if hint is not None:
        value = _fitted(path, value, hint)
    units = [f"{duration_of(leaf)}_{unit}" for unit in UNITS]
    if value is not None and leaf in units and set(units) <= set(declared_keys(section)):
        node.update(dict.fromkeys(units))
    node[leaf] = value


def _unknown(path: str, key: str, node: Any) -> str:
    return f"--config.{path}: no key {key!r} there; {nearest(key, node)}\nall keys: effjax show"


# ------------------------------------------------------------------------------------ checking


def check(config: ml_collections.ConfigDict, schema: type, path: str = "") -> None:
    """Compares keys and types with the schema; ints become floats and lists tuples where asked.

    Raises:
      UserError: naming the key, what came and what was expected.
    """
    declared = declared_keys(schema)
    for key in list(config):
        full, value = f"{path}{key}", config[key]
        hint = child(schema, key)
        if dataclasses.is_dataclass(hint):
            check(_section(full, value), hint, f"{full}.")
        elif entry := entry_type(hint):
            for name in _section(full, value):
                check(_section(f"{full}.{name}", value[name]), entry, f"{full}.{name}.")
        elif hint is not None:
            fitted = _fitted(full, value, hint)
            if type(fitted) is not type(value):
                # ml_collections casts a tuple back to the list that was there before
                with config.unlocked():
                    del config[key]
                    config[key] = fitted
        elif not is_open(schema):
            raise UserError(f"config.{path} has no key {key!r}; {nearest(key, declared)}")
    for key in declared:
        if key not in config:
            raise UserError(f"config.{path}{key} is missing; start from effjax.default_config()")
    for name in {duration_of(key) for key in declared} - {None}:
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
    return schema(**{key: value for key, value in values.items() if key in names})


def _section(path: str, value: Any) -> ml_collections.ConfigDict:
    if not isinstance(value, ml_collections.ConfigDict):
        raise UserError(f"config.{path} is a section of keys; got {value!r}")
    return value


def _fitted(path: str, value: Any, hint: Any) -> Any:
    try:
        return fit(value, hint)
    except OutOfRange as expected:
        raise UserError(f"config.{path} = {value!r} is out of range; expected {expected}") from None
    except Misfit as expected:
        kind = with_article(type(value).__name__)
        raise UserError(f"config.{path} = {value!r} is {kind}; expected {expected}") from None
