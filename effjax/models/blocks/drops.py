"""Layers that drop at random in training.

Shapes: B batch, ... further axes.

They take `examples`, int32 [B]: the index of each example in the global batch, or None in
evaluation. A draw belongs to an example, so it depends neither on the number of devices nor on how
the batch is cut.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.ops import for_each_image


def draw_kept(key: Array, examples: Array, keep: float, shape: Sequence[int] = ()) -> Array:
    """For each of `examples` [B] a bool array of `shape`, True with probability `keep`."""

    # A key for each example, and not one draw for the batch: its part of a batch draws the same.
    def draw(example: Array) -> Array:
        own_key = jax.random.fold_in(key, example)
        return jax.random.bernoulli(own_key, keep, shape)

    return jax.vmap(draw)(examples)


class Dropout(nn.Module):
    """Zero each number with probability `rate`, divide the others by 1 - rate."""

    rate: float

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        if examples is None or self.rate == 0:
            return x
        keep = 1 - self.rate
        key = self.make_rng("dropout")
        kept = draw_kept(key, examples, keep, x.shape[1:])
        # Divided in training, so that evaluation needs no factor.
        return jnp.where(kept, x / keep, 0)


def stochastic_depth_rates(rate: float, depths: Sequence[int]) -> list[tuple[float, ...]]:
    """From 0 in the first block to `rate` in the last, evenly; one tuple for each stage."""
    rates = np.linspace(0, rate, sum(depths)).tolist()
    stages = []
    for depth in depths:
        stages.append(tuple(rates[:depth]))
        rates = rates[depth:]
    return stages


def drop_name(branch: int) -> str:
    """The name of a block's StochasticDepth layer: its draws depend on it, scanned or not."""
    return f"StochasticDepth_{branch}"


class StochasticDepth(nn.Module):
    """Zero a whole branch of an example with probability `rate`, divide the others by 1 - rate.

    Deep Networks with Stochastic Depth, https://arxiv.org/abs/1603.09382.
    """

    rate: float

    @nn.compact
    def __call__(
        self,
        x: Array,
        examples: Examples,
        given: tuple[Array, Array] | None = None,
    ) -> Array:
        """`given` (1 - rate, key) stands in for the layer's own, in scanned blocks."""
        if examples is None or (given is None and self.rate == 0):
            return x
        keep, key = given or (1 - self.rate, self.make_rng("dropout"))
        kept = for_each_image(draw_kept(key, examples, keep), x)  # [B] -> [B, 1, ..., 1]
        return jnp.where(kept, x / keep, 0)
