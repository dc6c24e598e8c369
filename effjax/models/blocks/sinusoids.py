"""Sines and cosines of times and of positions.

Shapes: B batch, N tokens of a grid, C channels.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import Array

PERIOD = 10_000.0


def time_table(t: Array, width: int) -> Array:
    """[B] -> [B, width]: cosines first, then sines; an odd width ends with a zero.

    In float32 at least: bfloat16 would take 937 for 936.
    """
    at_least = jnp.float32 if jnp.issubdtype(t.dtype, jnp.floating) else jnp.result_type(float)
    t = t.astype(jnp.promote_types(t.dtype, at_least))
    half = width // 2
    frequencies = jnp.exp(-math.log(PERIOD) * jnp.arange(half, dtype=t.dtype) / half)
    angles = t[:, None] * frequencies[None]
    table = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], -1)
    if width % 2:
        table = jnp.pad(table, ((0, 0), (0, 1)))
    return table


def grid_table(grid: tuple[int, int], width: int) -> np.ndarray:
    """[N, width] for the positions of a grid (rows, columns), row by row.

    The first half of the channels is for the column, the second for the row; in each half sines,
    then cosines. This is what DiT and MAE publish.
    """
    rows, columns = np.meshgrid(*map(np.arange, grid), indexing="ij")
    halves = [_line(place.ravel(), width // 2) for place in (columns, rows)]
    return np.concatenate(halves, -1)


def _line(places: np.ndarray, width: int) -> np.ndarray:
    """[N] -> [N, width]: sines first."""
    half = width // 2
    angles = places[:, None] / PERIOD ** (np.arange(half) / half)
    return np.concatenate([np.sin(angles), np.cos(angles)], -1)
