"""What tasks with a teacher share: pure functions of arrays.

Shapes: B examples of the batch, b of one device, K entries of a queue, D features.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

SMALLEST = 1e-12  # the length of a vector that has none


def unit(x: Array) -> Array:
    """Vectors [..., D] of length 1."""
    length = jnp.linalg.norm(x, axis=-1, keepdims=True)
    return x / jnp.maximum(length, SMALLEST)


def follow(teacher: Any, student: Any, momentum: Array | float) -> Any:
    """momentum * teacher + (1 - momentum) * student, leaf by leaf."""

    def blend(old: Array, new: Array) -> Array:
        # bfloat16 would lose a thousandth of itself
        wide = jnp.promote_types(old.dtype, jnp.float32)
        moved = momentum * old.astype(wide) + (1 - momentum) * new.astype(wide)
        return moved.astype(old.dtype)

    return jax.tree.map(blend, teacher, student)


def cosine_between(start: float, end: float, step: Array, steps: int) -> Array:
    """From `start` at step 0 to `end` at step `steps`, along half a cosine."""
    share = jnp.clip(step / max(steps, 1), 0.0, 1.0)
    return end + (start - end) * (1 + jnp.cos(jnp.pi * share)) / 2


def gather_examples(x: Array, batch_axis: str | None) -> Array:
    """[b, ...] of each device -> [B, ...] of all, in the order of the batch.

    Under a mesh arrays are whole already, and `batch_axis` is None.
    """
    if batch_axis is None:
        return x
    return jax.lax.all_gather(x, batch_axis, tiled=True)


def own_examples(x: Array, count: int, batch_axis: str | None) -> Array:
    """[B, ...] -> [b, ...]: this device's part of what `gather_examples` gives."""
    if batch_axis is None:
        return x
    start = jax.lax.axis_index(batch_axis) * count
    return jax.lax.dynamic_slice_in_dim(x, start, count)


def push(queue: Array, pointer: Array, keys: Array, valid: Array) -> tuple[Array, Array]:
    """The queue with the oldest B entries replaced by new keys, and where the next ones go.

    Args:
      queue: [K, D]; B divides K.
      pointer: int32 scalar, the place of the oldest entry.
      keys: [B, D].
      valid: [B], 0 where there is no example: the old entry stays.
    """
    count = len(keys)
    old = jax.lax.dynamic_slice_in_dim(queue, pointer, count)
    new = jnp.where(valid[:, None] > 0, keys.astype(queue.dtype), old)
    queue = jax.lax.dynamic_update_slice_in_dim(queue, new, pointer, 0)
    return queue, (pointer + count) % len(queue)
