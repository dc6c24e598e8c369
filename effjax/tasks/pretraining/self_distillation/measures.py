"""What is said of a step of self-distillation: means over valid examples, and signs of collapse.

Shapes: B batch, T crops of the teacher, K outputs.
"""

from collections.abc import Mapping
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from effjax.contract import Metrics
from effjax.tasks.pretraining.self_distillation.losses import entropy


def signs_of_collapse(shares: Array, mask: Array, batch_axis: str | None) -> dict[str, Array]:
    """[B] each: the entropy of what the teacher says of a crop, and of the mean of all it says.

    Collapse to one output: both are 0. Collapse to nothing: both are log K.

    Args:
      shares: [T, B, K].
      mask: [B], 0 where there is no example.
    """
    own = entropy(shares).mean(0)
    total = jnp.einsum("tbk,b->k", shares, mask)
    count = mask.sum() * len(shares)
    if batch_axis is not None:
        total = jax.lax.psum(total, batch_axis)
        count = jax.lax.psum(count, batch_axis)
    mean = total / jnp.maximum(count, 1.0)
    everywhere = jnp.broadcast_to(entropy(mean), mask.shape)
    return {"teacher_entropy": own, "mean_entropy": everywhere}


def averaged(
    losses: Array, metrics: Mapping[str, Array], mask: Array, state: Any
) -> tuple[Array, tuple[Any, Metrics]]:
    """The mean over valid examples of [B], and each of `metrics` as (sum, number)."""
    count = mask.sum()
    valid = mask > 0
    # what is padded may be NaN, and 0 * NaN is NaN
    total = jnp.where(valid, losses, 0.0).sum()
    pairs = {"loss": (total, count)}
    for name, values in metrics.items():
        pairs[name] = (jnp.where(valid, values, 0.0).sum(), count)
    return total / jnp.maximum(count, 1.0), (state, pairs)
