"""Configs: schemas in dataclasses, files in Python, `ml_collections.ConfigDict` in between."""

from effjax.config.clock import Clock
from effjax.config.load import check, from_json, load
from effjax.config.schema import UNITS, UNSET, Duration, to_config
from effjax.config.view import View, changed

__all__ = [
    "UNITS",
    "UNSET",
    "Clock",
    "Duration",
    "View",
    "changed",
    "check",
    "from_json",
    "load",
    "to_config",
]
