"""Computes the recorded values of generative models (`generative.json`, `generative.npz`).

`compute(spec, inputs, keys)` yields (key, value), see ../shared/parity/GENERATIVE.md. Each group of
keys has a function in `GROUPS`; what is not built yields nothing.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import jax
import numpy as np

from tests.parity.generative_compress import COMPRESSED
from tests.parity.generative_gan import GANS
from tests.parity.generative_maths import MATHS
from tests.parity.generative_networks import NETWORKS
from tests.parity.generative_scores import SCORES

GROUPS = MATHS | NETWORKS | SCORES | GANS | COMPRESSED


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
