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
    at_least = jnp.float32
    if not jnp.issubdtype(t.dtype, jnp.floating):
        # whole steps of a chain: float64 where JAX has it
        at_least = jnp.result_type(float)
    dtype = jnp.promote_types(t.dtype, at_least)
    half = width // 2
    # from 1 down to nearly 1 / PERIOD, by equal factors
    exponents = -math.log(PERIOD) * jnp.arange(half, dtype=dtype) / half
    frequencies = jnp.exp(exponents)
    angles = t.astype(dtype)[:, None] * frequencies[None]
    table = jnp.concatenate([jnp.cos(angles), jnp.sin(angles)], axis=-1)
    if width % 2:
        one_more = ((0, 0), (0, 1))
        table = jnp.pad(table, one_more)
    return table


def grid_table(grid: tuple[int, int], width: int) -> np.ndarray:
    """[N, width] for the positions of a grid (rows, columns), row by row.

    The first half of the channels is for the column, the second for the row; in each half sines,
    then cosines. This is what DiT and MAE publish.
    """
    rows, columns = grid
    half = width // 2
    places = np.arange(rows * columns)
    # the column runs first, row by row
    for_column = _line(places % columns, half)
    for_row = _line(places // columns, half)
    return np.concatenate([for_column, for_row], axis=-1)


def _line(places: np.ndarray, width: int) -> np.ndarray:
    """[N] -> [N, width]: sines first."""
    half = width // 2
    share = np.arange(half) / half
    angles = places[:, None] / PERIOD**share
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=-1)
