"""The edges of a searched cell that leave the same states, with all their operations at once.

Every edge has weights of its own, so its operations are independent of those of other edges.
Edges that start from the same state see the same input: their channels stand side by side, one
depthwise convolution serves all of them, and a pooled map is computed once for all. The function
is that of one module an edge; the program is several times smaller, and so is its compile time.

Shapes: B batch, H W space, S states that the edges leave, T nodes that they reach from each,
G = S T edges (state by state), C channels of a node, O operations.
"""

from collections.abc import Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.cell_operations import (
    average_pool_3x3,
    one_further,
    spatial_conv,
)
from effjax.models.blocks.layers import max_pool_3x3
from effjax.models.blocks.norms import BatchNorm

# a batch of matrices [G, C, D], each for the C inputs of one edge
MATRIX_INIT = nn.initializers.variance_scaling(
    2.0, "fan_out", "normal", in_axis=-2, out_axis=-1, batch_axis=0
)
CONVOLUTIONS = ("sep_conv_3x3", "sep_conv_5x5", "dil_conv_3x3", "dil_conv_5x5")
TWICE = ("sep_conv_3x3", "sep_conv_5x5")  # separable convolutions are stacked in pairs
POOLS = {"max_pool_3x3": max_pool_3x3, "avg_pool_3x3": average_pool_3x3}


class EdgesFrom(nn.Module):
    """What `targets` nodes get from each of S states: weighted sums of all operations.

    Attributes:
      operations: names, in the order of the weights.
      targets: T.
      stride: 2 for edges that halve the map.
      norm_pools: whether a pooled map is normalised (DARTS) or not (PR-DARTS).
    """

    operations: Sequence[str]
    targets: int
    stride: int
    norm_pools: bool
    batch_axis: str | None

    @nn.compact
    def __call__(self, states: Array, weights: Array, examples: Examples) -> Array:
        """[B, H, W, S, T, C] of `states` [B, H, W, S, C] and `weights` [S, T, O]."""
        channels = states.shape[-1]
        weights = weights[None, None, None]
        weight_of = {name: weights[..., o, None] for o, name in enumerate(self.operations)}
        total = jnp.zeros((), states.dtype)
        if set(CONVOLUTIONS) & set(self.operations):
            total = self._convolved(states, weight_of, examples)
        for name, pool in POOLS.items():
            if name not in self.operations:
                continue
            pooled = pool(_flat(states), self.stride)
            if self.norm_pools:
                pooled = self._norm(f"{name}_norm")(pooled, examples)
            pooled = pooled.reshape(*pooled.shape[:3], -1, 1, channels)
            total += weight_of[name] * pooled
        if "skip_connect" in self.operations:
            total += weight_of["skip_connect"] * self._skipped(states, examples)
        return total

    def _convolved(self, states: Array, weight_of: dict[str, Array], examples: Examples) -> Array:
        """The convolutions' share of the sum: [B, H, W, S, T, C]."""
        count = states.shape[-2]
        repeated = jnp.repeat(states, self.targets, axis=-2)  # [B, H, W, G, C]
        entered = nn.relu(_flat(repeated))
        names = [name for name in CONVOLUTIONS if name in self.operations]
        first = []
        for name in names:
            dilation = 2 if name.startswith("dil") else 1
            conv = spatial_conv(int(name[-1]), self.stride, dilation, name=f"{name}_depthwise1")
            first.append(conv(entered))
        results = dict(zip(names, self._mixed_channels("1", first, states, examples)))
        twice = [name for name in names if name in TWICE]
        second = []
        for name in twice:
            conv = spatial_conv(int(name[-1]), 1, name=f"{name}_depthwise2")
            second.append(conv(nn.relu(results[name])))
        if twice:
            results |= zip(twice, self._mixed_channels("2", second, states, examples))
        total = 0.0
        for name, result in results.items():
            by_edge = result.reshape(*result.shape[:3], count, self.targets, states.shape[-1])
            total += weight_of[name] * by_edge
        return total

    def _mixed_channels(
        self, number: str, maps: list[Array], states: Array, examples: Examples
    ) -> list[Array]:
        """A 1x1 convolution in each edge of each operation, and a norm; maps [B, H, W, G C]."""
        channels = states.shape[-1]
        joined = jnp.concatenate(maps, axis=-1)
        mixed = self._by_edge(f"pointwise{number}", joined, channels, channels)
        normalised = self._norm(f"norm{number}")(mixed, examples)
        return jnp.split(normalised, len(maps), axis=-1)

    def _skipped(self, states: Array, examples: Examples) -> Array:
        """[B, H, W, S, 1 or T, C]: the states themselves, or reduced by each edge."""
        if self.stride == 1:
            return states[..., :, None, :]
        *_, count, channels = states.shape
        entered = nn.relu(_flat(jnp.repeat(states, self.targets, axis=-2)))
        here = entered[:, ::2, ::2]
        beside = one_further(entered)[:, ::2, ::2]
        half = channels // 2
        # each edge's two halves lie side by side again
        halves = []
        for name, x, width in (("skip1", here, half), ("skip2", beside, channels - half)):
            part = self._by_edge(name, x, channels, width)
            halves.append(part.reshape(*part.shape[:3], -1, width))
        joined = _flat(jnp.concatenate(halves, axis=-1))
        reduced = self._norm("skip_norm")(joined, examples)
        return reduced.reshape(*reduced.shape[:3], count, self.targets, channels)

    def _by_edge(self, name: str, x: Array, inputs: int, outputs: int) -> Array:
        """[B, H, W, n C] -> [B, H, W, n D]: each C channels by a matrix of their own."""
        by_edge = x.reshape(*x.shape[:3], -1, inputs)
        shape = (by_edge.shape[-2], inputs, outputs)
        matrices = self.param(name, MATRIX_INIT, shape).astype(x.dtype)
        return _flat(jnp.einsum("bhwgc,gcd->bhwgd", by_edge, matrices))

    def _norm(self, name: str) -> BatchNorm:
        return BatchNorm(self.batch_axis, affine=False, name=name)


def _flat(x: Array) -> Array:
    """[B, H, W, n, C] -> [B, H, W, n C]."""
    return x.reshape(*x.shape[:3], -1)
