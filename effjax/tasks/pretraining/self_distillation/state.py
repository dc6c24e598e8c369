"""What a run keeps beside the parameters: teacher, centre, queues, memories, from step 0 on.

Shapes: T crops of the teacher, B batch, Q entries, D features, C channels.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.tasks.pretraining.self_distillation.memory import write
from effjax.tasks.pretraining.self_distillation.options import DistillationConfig
from effjax.tasks.pretraining.teacher import gather_examples, unit

PAIRS = ("instance", "local_group")  # terms that tell pairs from a queue


def fresh(key: Array, options: DistillationConfig, channels: int) -> dict[str, Any]:
    """Centre, queues and memories before the first update: zeros, and random entries.

    Args:
      channels: C of the encoder.
    """
    found: dict[str, Any] = {"centre": jnp.zeros((options.outputs,), jnp.float32)}
    sizes = {"instance": options.instance_queue, "local_group": options.local_queue}
    keys = iter(jax.random.split(key, 4))
    for term in PAIRS:
        own_key = next(keys)
        if term in options.terms:
            shape = (sizes[term], options.pair_outputs)
            found[f"{term}_queue"] = store(unit(jax.random.normal(own_key, shape)))
    for side in ("student", "teacher"):
        own_key = next(keys)
        if "local_group" in options.terms:
            entries = jax.random.normal(own_key, (options.memory, channels))
            found[f"{side}_memory"] = store(entries)
    if "group" not in options.terms:
        del found["centre"]
    return found


def store(entries: Array) -> dict[str, Array]:
    """Entries [Q, D], and where the next ones go."""
    return {"entries": entries, "pointer": jnp.zeros((), jnp.int32)}


def remember(held: dict[str, Array], crops: Array, mask: Array, axis: str | None) -> Any:
    """The store with [T, B, D] in place of the oldest entries, crop by crop of the global batch.

    Args:
      mask: [B], 0 for padding, which takes no place.
    """
    entries = held["entries"]
    pointer = held["pointer"]
    valid = gather_examples(mask, axis)
    for rows in crops:
        every = gather_examples(jax.lax.stop_gradient(rows), axis)
        entries, pointer = write(entries, pointer, every, valid)
    return {"entries": entries, "pointer": pointer}
