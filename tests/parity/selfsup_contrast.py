"""Recorded values of momentum contrast, prototypes and evaluation."""

from collections.abc import Callable
from typing import Any

# prefix of the keys -> (spec, inputs, keys) -> (key, value)
CONTRAST: dict[str, Callable[..., Any]] = {}
