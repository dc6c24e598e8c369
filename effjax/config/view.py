"""What the program sees of a config: read-only, and it remembers what was read."""

import json
from collections.abc import Iterator
from typing import Any

import ml_collections

from effjax.config.schema import child, declared_keys


class View:
    """A read-only view of a checked config that remembers which keys were read.

    `view.optim.default.name` reads a leaf; `view.section("model")` is the same as `view.model`;
    `view.extras("name", "dtype")` gives the keys of an open section beside those named, as a dict.
    """

    def __init__(self, config: ml_collections.ConfigDict, path: str = "", read: set | None = None):
        self._config = config
        self._path = path
        # one set for all sections of a config: `unread` is asked of the whole
        self._read = set() if read is None else read

    def __getattr__(self, key: str) -> Any:
        # `copy` and `pickle` ask for __special__ names before there is a config to look in
        if key.startswith("_"):
            raise AttributeError(key)
        return self[key]

    def __getitem__(self, key: str) -> Any:
        full = f"{self._path}{key}"
        if key not in self._config:
            raise KeyError(f"config.{full}")
        value = self._config[key]
        if isinstance(value, ml_collections.ConfigDict):
            return View(value, f"{full}.", self._read)
        self._read.add(full)
        return value

    def __contains__(self, key: str) -> bool:
        return key in self._config

    def __iter__(self) -> Iterator[str]:
        return iter(self._config.keys())

    def extras(self, *known: str) -> dict[str, Any]:
        """All keys except the `known` ones, nested sections as dicts; all count as read."""
        values = {}
        for key in self:
            if key not in known:
                values[key] = _plain(self[key])
        return values

    def to_dict(self) -> dict[str, Any]:
        """Everything below, as plain Python values that JSON can hold; nothing counts as read."""
        return json.loads(self._config.to_json_best_effort())

    def unread(self, schema: type) -> list[str]:
        """Keys that differ from the schema's default and that nobody has read."""
        return [path for path in changed(self._config, schema) if path not in self._read]


def _plain(value: Any) -> Any:
    if not isinstance(value, View):
        return value
    return {key: _plain(value[key]) for key in value}


def changed(config: ml_collections.ConfigDict, schema: Any, path: str = "") -> list[str]:
    """Dotted paths of the leaves that differ from the schema's defaults."""
    declared = declared_keys(schema)
    paths: list[str] = []
    for key in config:
        value = config[key]
        full = f"{path}{key}"
        if isinstance(value, ml_collections.ConfigDict):
            paths += changed(value, child(schema, key), f"{full}.")
        elif key not in declared:
            paths.append(full)  # of an open section: it has no default to be equal to
        else:
            _, default = declared[key]
            if value != default:
                paths.append(full)
    return paths
