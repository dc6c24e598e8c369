"""Configs: schemas in dataclasses, files in Python, `ml_collections.ConfigDict` in between."""

from effjax.config.clock import Clock
from effjax.config.config_files import call_config
from effjax.config.json_files import parse_json, read_json
from effjax.config.load import check, from_json, load, read_section, set_values
from effjax.config.places import as_path, is_remote
from effjax.config.schema import UNITS, UNSET, Duration, to_config
from effjax.config.view import View, changed

__all__ = [
    "UNITS",
    "UNSET",
    "Clock",
    "Duration",
    "View",
    "as_path",
    "call_config",
    "changed",
    "check",
    "from_json",
    "is_remote",
    "load",
    "parse_json",
    "read_json",
    "read_section",
    "set_values",
    "to_config",
]
