"""How one number of each example meets its array.

Shapes: B batch, ... any axes of an example.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array


def per_example(values: Array, like: Array) -> Array:
    """[B] -> [B, 1, ...], in the rank of `like` [B, ...]."""
    ones = (1,) * (like.ndim - 1)
    return values.reshape(-1, *ones)


def gather(table: np.ndarray, t: Array, like: Array) -> Array:
    """The entries of a float64 `table` at int `t` [B], in the dtype and rank of `like`."""
    values = jnp.asarray(table, like.dtype)
    return per_example(values[t], like)


def mean_of_example(x: Array) -> Array:
    """[B, ...] -> [B]: the mean over all axes of an example."""
    axes = tuple(range(1, x.ndim))
    return x.mean(axes)


def sum_of_example(x: Array) -> Array:
    """[B, ...] -> [B]: the sum over all axes of an example."""
    axes = tuple(range(1, x.ndim))
    return x.sum(axes)
