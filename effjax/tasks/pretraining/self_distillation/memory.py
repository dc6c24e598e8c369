"""Memories of fixed size: the newest entries replace the oldest, and the nearest are found.

Shapes: Q entries, M new ones, D channels, n neighbours.
"""

import jax.numpy as jnp
from jax import Array, lax

from effjax.tasks.pretraining.self_distillation.heads import unit


def write(memory: Array, pointer: Array, rows: Array, valid: Array) -> tuple[Array, Array]:
    """The memory with new rows in place of the oldest entries, and where the next ones go.

    Args:
      memory: [Q, D].
      pointer: of the oldest entry.
      rows: [M, D]; M may not exceed Q.
      valid: [M]; rows that are not valid take no place.
    """
    size = memory.shape[0]
    wanted = valid > 0
    rank = jnp.cumsum(wanted) - 1  # among the valid ones
    places = (pointer + rank) % size
    # a place beyond the end is written nowhere
    places = jnp.where(wanted, places, size)
    new = rows.astype(memory.dtype)
    memory = memory.at[places].set(new, mode="drop")
    moved = (pointer + wanted.sum()) % size
    return memory, moved.astype(pointer.dtype)


def published_pointer(pointer: Array, written: Array, size: int) -> Array:
    """Where Mugs' own code goes on writing after `written` rows from `pointer`.

    It moves by twice what was written unless the write wraps, so half of the entries keep their
    random start. For the recorded case alone.
    """
    end = pointer + written
    twice = (end + written) % size
    wrapped = end - size
    return jnp.where(end <= size, twice, wrapped)


def nearest(queries: Array, memory: Array, count: int) -> tuple[Array, Array]:
    """The `count` most similar entries by cosine: (numbers [..., n], entries [..., n, D])."""
    cosine = unit(queries) @ unit(memory).T
    # which entries are near is no function that has a gradient
    cosine = lax.stop_gradient(cosine)
    _, numbers = lax.top_k(cosine, count)
    return numbers, memory[numbers]
