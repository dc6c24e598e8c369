"""Recorded values of self-distillation, masked images and few shots."""

from collections.abc import Callable
from typing import Any

# prefix of the keys -> (spec, inputs, keys) -> (key, value)
DISTIL: dict[str, Callable[..., Any]] = {}
