"""Computes the recorded values of searches and compression (`search.json`, `search.npz`).

`compute(spec, inputs, keys)` yields (key, value), see ../shared/parity/SEARCH.md. Each module of
`MODULES` computes some of the keys with a `compute` of its own; what is not built yields nothing.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

MODULES = (
    "search_proxies",
    "search_regression",
    "search_cells",
    "search_encodings",
    "search_masks",
    "search_structured",
    "search_elastic",
    "search_gates",
)


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Iterable[str]
) -> Iterator[tuple[str, Any]]:
    """(key, value) of those of `keys` that can be computed, in 64-bit floats."""
    asked = list(keys)
    with jax.enable_x64(True):
        for module in MODULES:
            name = f"tests.parity.{module}"
            if importlib.util.find_spec(name) is None:
                continue  # not built
            yield from importlib.import_module(name).compute(spec, inputs, asked)
