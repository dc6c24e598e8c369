"""What changes over a run beside the learning rate; all of the number of updates so far."""

import jax.numpy as jnp
from jax import Array


def cosine(start: float, end: float, step: Array, steps: int, warmup: int = 0) -> Array:
    """From `start` to `end` on half a cosine over `steps`, after a rise from 0 over `warmup`.

    The rise reaches `start` on its last step, so that the first step of the cosine has it again.
    """
    share = (step - warmup) / max(steps - warmup, 1)
    fallen = end + 0.5 * (start - end) * (1 + jnp.cos(jnp.pi * share))
    risen = start * step / max(warmup - 1, 1)
    return jnp.where(step < warmup, risen, fallen)


def risen(start: float, end: float, step: Array, steps: int) -> Array:
    """A line from `start` to `end` that arrives on the last of `steps`, then `end`."""
    share = jnp.minimum(step / max(steps - 1, 1), 1.0)
    reached = step >= steps - 1
    return jnp.where(reached, end, start + (end - start) * share)
