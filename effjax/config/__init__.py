"""Configs: schemas in dataclasses, files in Python, `ml_collections.ConfigDict` in between."""

from effjax.config.clock import Clock
from effjax.config.load import check, load
from effjax.config.schema import UNITS, Duration, to_config
from effjax.config.view import View, changed

__all__ = ["UNITS", "Clock", "Duration", "View", "changed", "check", "load", "to_config"]
