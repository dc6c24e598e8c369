"""Weights rebuilt from their names, as ../shared/parity/README.md has it."""

import math
import zlib
from collections.abc import Sequence

import numpy as np


def fill(name: str, shape: Sequence[int], seed: int = 0) -> np.ndarray:
    """The float32 weight `name` in the reference's layout."""
    rng = np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))
    x = rng.standard_normal(tuple(shape)).astype(np.float32)
    leaf = name.split(".")[-1]
    is_scale = leaf in ("weight", "scale", "gamma") or leaf.startswith("layer_scale")
    if len(shape) >= 2 and (leaf == "weight" or not is_scale):
        return x / np.float32(math.sqrt(math.prod(shape[1:])))
    if is_scale:
        return 1 + np.float32(0.1) * x
    return np.float32(0.1) * x
