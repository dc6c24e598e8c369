"""Memories of fixed size: the newest entries replace the oldest, and the nearest are found.

Shapes: Q entries, M new ones, D channels, n neighbours.
"""

import jax.numpy as jnp
from jax import Array, lax

from effjax.tasks.pretraining.self_distillation.heads import unit


def write(memory: Array, pointer: Array, rows: Array, valid: Array) -> tuple[Array, Array]:
    """(memory [Q, D], pointer) with the `valid` [M] ones of `rows` [M, D] in place of the oldest.

    Rows that are not valid take no place. M may not exceed Q.
    """
    size = memory.shape[0]
    wanted = valid > 0
    rank = jnp.cumsum(wanted) - 1  # among the valid ones
    # a place beyond the end is written nowhere
    places = jnp.where(wanted, (pointer + rank) % size, size)
    memory = memory.at[places].set(rows.astype(memory.dtype), mode="drop")
    moved = (pointer + wanted.sum()) % size
    return memory, moved.astype(pointer.dtype)


def published_pointer(pointer: Array, written: Array, size: int) -> Array:
    """Where Mugs' own code goes on writing after `written` rows from `pointer`.

    It moves by twice what was written unless the write wraps, so half of the entries keep their
    random start. For the recorded case alone.
    """
    end = pointer + written
    return jnp.where(end <= size, (end + written) % size, end - size)


def nearest(queries: Array, memory: Array, count: int) -> tuple[Array, Array]:
    """(numbers [..., n], entries [..., n, D]) of the `count` most similar entries, by cosine."""
    cosine = unit(queries) @ unit(memory).T
    _, numbers = lax.top_k(lax.stop_gradient(cosine), count)
    return numbers, memory[numbers]
