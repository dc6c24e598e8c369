"""What changes over a run beside the learning rate; all of the number of updates so far."""

import jax.numpy as jnp
from jax import Array


def cosine(start: float, end: float, step: Array, steps: int, warmup: int = 0) -> Array:
    """From `start` to `end` on half a cosine over `steps`, after a rise from 0 over `warmup`.

    The rise reaches `start` on its last step, so that the first step of the cosine has it again.
    """
    length = max(steps - warmup, 1)
    share = (step - warmup) / length
    wave = 1 + jnp.cos(jnp.pi * share)  # from 2 to 0
    falling = end + 0.5 * (start - end) * wave
    last_of_rise = max(warmup - 1, 1)
    rising = start * step / last_of_rise
    return jnp.where(step < warmup, rising, falling)


def risen(start: float, end: float, step: Array, steps: int) -> Array:
    """A line from `start` to `end` that arrives on the last of `steps`, then `end`."""
    last = steps - 1
    share = step / max(last, 1)
    between = start + (end - start) * share
    # a rise of one step, or of none, has arrived at once
    return jnp.where(step >= last, end, between)
