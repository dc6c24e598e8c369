"""Computes the recorded values of learning without labels (`selfsup.json`, `selfsup.npz`).

`compute(spec, inputs, keys)` yields (key, value), see ../shared/parity/SELFSUP.md. Each group of
keys has a function in `GROUPS`; what is not built yields nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from tests.parity.selfsup_contrast import CONTRAST
from tests.parity.selfsup_distil import DISTIL

GROUPS = CONTRAST | DISTIL


def compute(
    spec: Mapping[str, Any], inputs: Mapping[str, np.ndarray], keys: Iterable[str]
) -> Iterator[tuple[str, Any]]:
    """(key, value) of those of `keys` that can be computed, in 64-bit floats."""
    asked = list(keys)
    with jax.enable_x64(True):
        for prefix, group in GROUPS.items():
            mine = [key for key in asked if key.startswith(prefix)]
            if mine:
                yield from group(spec, inputs, mine)
