"""Draws and weights of the self-supervised cases, see ../shared/parity/SELFSUP.md.

A `Names` knows where each weight of the reference stands in our tree, and in which layout.
"""

import zlib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from tests.parity.fill import fill

Spec = Mapping[str, Any]
Rename = Callable[[str], str]


def draw(spec: Spec, case: str, name: str, **numbers: int) -> np.ndarray:
    """The array `name` of a case's `draws`; `{t}` in its name is filled in by `numbers`."""
    shape, factor = spec["cases"][case]["draws"][name]
    full = f"{case}/{name.format(**numbers)}"
    rng = np.random.Generator(np.random.PCG64([spec["seed"], zlib.crc32(full.encode())]))
    x = rng.standard_normal(tuple(shape)).astype(np.float32).astype(np.float64)
    if factor == "unit":
        return x / np.linalg.norm(x, axis=-1, keepdims=True)
    return factor * x


def plain_rename(name: str) -> str:
    """blocks.0.norm1 -> blocks_0/norm1, as our trees have it."""
    parts = []
    for part in name.split("."):
        if part.isdigit() and parts:
            parts[-1] += f"_{part}"
        else:
            parts.append(part)
    return "/".join(parts)


class Names:
    """The weights of one network of the reference.

    Args:
      entries: [name, shape] of each, without what is before `prefix`.
      prefix: of the names in the recording, which seeds their values.
      rename: from the reference's name, without the last part, to our path.
    """

    def __init__(self, entries: Iterable[Any], prefix: str, rename: Rename = plain_rename):
        self.entries = {}
        for name, shape in entries:
            if name.startswith(prefix):
                self.entries[name.removeprefix(prefix)] = tuple(shape)
        self.prefix = prefix
        self.rename = rename

    def path(self, name: str) -> tuple[str, ...]:
        """Where a weight stands."""
        stem, _, leaf = name.rpartition(".")
        if leaf == "weight":
            leaf = "kernel" if len(self.entries[name]) > 1 else "scale"
        where = self.rename(stem) if stem else ""
        return tuple(part for part in (*where.split("/"), leaf) if part)

    def params(self, seed: int) -> dict[str, Any]:
        """All of them, in 64-bit floats and our layouts."""
        flat = {}
        for name, shape in self.entries.items():
            value = fill(self.prefix + name, shape, seed)
            path = self.path(name)
            if path[-1] == "kernel":
                value = np.moveaxis(value, (0, 1), (-1, -2))
            flat[path] = jnp.asarray(value, jnp.float64)
        return unflatten_dict(flat)

    def by_name(self, tree: Any) -> dict[str, np.ndarray]:
        """{name of the reference: array} of a tree like `params`."""
        flat = flatten_dict(tree)
        return {name: np.asarray(flat[self.path(name)]) for name in self.entries}


def norm(x: Any) -> float:
    """The L2 norm of an array."""
    return float(np.sqrt(np.square(np.asarray(x)).sum()))
