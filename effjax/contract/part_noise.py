"""Noise and signal of a gradient, free from the parts in which its batch is taken.

McCandlish, Kaplan, Amodei: An empirical model of large-batch training, 2018. Parts are those of
`config.accumulate`, the devices of pmap, or both.

Shapes: A parts of one device's share of a batch.
"""

from collections.abc import Mapping, Set
from typing import Any

import jax
import jax.numpy as jnp

from effjax.contract.batch import Metrics, Params
from effjax.contract.sharpness_aware import only_learned

NOISE = "optim/batch_noise"
SIGNAL = "optim/batch_signal"


def square_of(grads: Params, not_learned: Set[str]) -> jax.Array:
    """|g|^2 of what is learned, float32."""
    total = jnp.zeros((), jnp.float32)
    for leaf in jax.tree.leaves(only_learned(grads, not_learned)):
        total += jnp.square(leaf.astype(jnp.float32)).sum()
    return total


def part_noise(
    squares: jax.Array,
    weights: jax.Array,
    norms: Mapping[str, jax.Array],
    examples: jax.Array | float,
    axis: str | None,
) -> Metrics:
    """Unbiased estimates of one update, as metrics.

    With K parts of weights w, W their sum, g of a part and G of the whole batch,

        small  = sum w |g|^2 / W         on average |signal|^2 + noise K / W
        |G|^2                            on average |signal|^2 + noise / W

    Args:
      squares: |g|^2 [A] of this device's parts.
      weights: [A], with which they enter the whole gradient; 0 leaves a part out.
      norms: {group: |G|}, of the whole gradient.
      examples: of the whole batch: the noise is that of one example.
      axis: the name of the pmap axis, or None.

    Returns:
      `NOISE`, the trace of the covariance of one example's gradient, and `SIGNAL`, the squared norm
      of the mean gradient. Both are NaN or infinite where fewer than two parts have a weight.
    """
    sums = {
        "weight": weights.sum(),
        "parts": (weights > 0).sum().astype(jnp.float32),
        # a part without a valid example may have any gradient
        "squares": jnp.where(weights > 0, weights * squares, 0.0).sum(),
    }
    if axis is not None:
        sums = jax.lax.psum(sums, axis)
    small = sums["squares"] / sums["weight"]
    whole = sum(jnp.square(norm) for norm in norms.values())
    others = sums["parts"] - 1
    signal = (sums["parts"] * whole - small) / others
    noise = examples * (small - whole) / others
    return {NOISE: (noise, jnp.ones(())), SIGNAL: (signal, jnp.ones(()))}


def count_examples(batch: Mapping[str, Any], batch_size: int, axis: str | None) -> Any:
    """The valid examples of the whole batch; all of them where it has no `mask`."""
    if "mask" not in batch:
        return float(batch_size)
    valid = batch["mask"].sum()
    return valid if axis is None else jax.lax.psum(valid, axis)
