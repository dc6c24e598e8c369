"""Norms in a network of which some channels are there: their statistics, and those of batches.

Shapes: C channels, ... any leading axes.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from effjax.models.blocks.layers import at_least_float32, per_channel
from effjax.models.blocks.norms import BatchNorm, LayerNorm


def norm_of_active(
    norm: LayerNorm,
    x: jax.Array,
    active: jax.Array,
) -> jax.Array:
    """What the norm of a narrow network gives, and 0 for the other channels.

    Args:
      norm: of the large network, with its variables.
      x: [..., C], 0 where no channel is.
      active: bool [C], the channels that there are.
    """
    params = norm.variables["params"]
    wide = at_least_float32(x)
    there = per_channel(active, wide)
    axes = [axis % x.ndim for axis in norm.over]
    positions = math.prod(x.shape[axis] for axis in axes if axis != x.ndim - 1)
    count = active.sum() * positions
    mean = (wide * there).sum(norm.over, keepdims=True) / count
    centred = (wide - mean) * there
    variance = jnp.square(centred).sum(norm.over, keepdims=True) / count
    y = centred * lax.rsqrt(variance + norm.eps) * per_channel(params["scale"], wide)
    if norm.use_bias:
        y += per_channel(params["bias"], wide) * there
    return y.astype(x.dtype)


def mean_statistics(
    of_batches: Sequence[Any],
    sizes: Sequence[int],
) -> Any:
    """The mean of trees of statistics, weighed by the images of their batches."""
    total = sum(sizes)
    shares = [size / total for size in sizes]

    def mean(*leaves: Any) -> np.ndarray:
        return sum(share * np.asarray(leaf) for share, leaf in zip(shares, leaves, strict=True))

    return jax.tree.map(mean, *of_batches)


def recalibrated(
    apply: Any,
    variables: Any,
    batches: Iterable[jax.Array],
) -> Any:
    """Variables with batch statistics of these images, the old ones forgotten.

    As in Once-for-All, a batch is normalised by its own statistics. The variance is the unbiased
    one, as everywhere here; theirs is the biased one.

    Args:
      apply: (variables, images, train=..., mutable=...) -> (logits, changed).
      variables: of a network; one without batch statistics stays as it is.
      batches: images [B, H, W, C].
    """
    if "batch_stats" not in variables:
        return variables
    # from zeros a running average is a known share of the batch's own statistics
    blank = {**variables, "batch_stats": jax.tree.map(jnp.zeros_like, variables["batch_stats"])}
    of_batches = []
    sizes = []
    for images in batches:
        _, changed = apply(blank, images, train=True, mutable=("batch_stats",))
        of_batches.append(jax.device_get(changed["batch_stats"]))
        sizes.append(len(images))
    mean = mean_statistics(of_batches, sizes)
    share = 1 - BatchNorm.keep
    return {**variables, "batch_stats": jax.tree.map(lambda leaf: leaf / share, mean)}
