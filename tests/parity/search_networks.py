"""The tiny networks of the recordings (../shared/parity/SEARCH.md) and their weights and batches.

Shapes: B batch, H W space, C channels, K classes. Names of layers are those of the recording.
"""

import math
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from flax import linen as nn

from effjax.models.blocks.layers import Conv, Linear
from effjax.models.blocks.norms import BatchNorm

# the leaf of the recording -> (collection, leaf of ours)
LEAVES = {
    "running_mean": ("batch_stats", "mean"),
    "running_var": ("batch_stats", "var"),
    "bias": ("params", "bias"),
}


def generator(*key: int) -> np.random.Generator:
    """The recording's source of all draws."""
    return np.random.Generator(np.random.PCG64(list(key)))


def fill(name: str, shape: Sequence[int], seed: int) -> np.ndarray:
    """The float64 weight `name` in the reference's layout."""
    x = generator(seed, zlib.crc32(name.encode())).standard_normal(tuple(shape))
    leaf = name.split(".")[-1]
    if leaf == "running_var":
        return 1 + 0.1 * np.abs(x)
    if len(shape) >= 2:
        return x / math.sqrt(math.prod(shape[1:]))
    if leaf == "weight":  # of a norm
        return 1 + 0.1 * x
    return 0.1 * x


def images_and_labels(
    seed: int, size: int, count: int, classes: int, number: int = 0, channels: int = 3
) -> tuple[np.ndarray, np.ndarray]:
    """Batch `number`: images [B, H, W, C] and labels [B]."""
    images = generator(seed, 12345 + number).standard_normal((count, size, size, channels))
    return images, (np.arange(count) + number) % classes


def as_ours(weight: np.ndarray) -> np.ndarray:
    """OIHW -> HWIO, OI -> IO."""
    if weight.ndim == 4:
        return weight.transpose(2, 3, 1, 0)
    return weight.T


def as_theirs(weight: np.ndarray) -> np.ndarray:
    """HWIO -> OIHW, IO -> OI."""
    weight = np.asarray(weight)
    if weight.ndim == 4:
        return weight.transpose(3, 2, 0, 1)
    return weight.T


def fill_variables(entries: Sequence[Any], seed: int, prefix: str = "") -> dict[str, Any]:
    """Flax variables of a network from its `entries` [name, shape]."""
    variables: dict[str, Any] = {"params": {}, "batch_stats": {}}
    for name, shape in entries:
        weight = fill(name, shape, seed)
        *path, leaf = name.removeprefix(prefix).split(".")
        if leaf == "weight":
            place = ("params", "kernel" if len(shape) > 1 else "scale")
        else:
            place = LEAVES[leaf]
        collection, ours = place
        holder = variables[collection]
        for part in path:
            holder = holder.setdefault(part, {})
        holder[ours] = as_ours(weight) if weight.ndim > 1 else weight
    return variables


class Named(nn.Module):
    """conv - bn under one name."""

    width: int
    side: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        x = conv(self.width, self.side, self.stride, "conv")(x)
        return BatchNorm(name="bn")(x, examples)


def conv(width: int, side: int, stride: int, name: str) -> Conv:
    """A convolution without bias, padded by half its side."""
    return Conv(width, (side, side), stride, pad=side // 2, use_bias=False, name=name)


class Plain(nn.Module):
    """A chain of conv - bn - ReLU, the mean over space, `fc`; returns logits and the last map."""

    spec: Mapping[str, Any]

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        for i, (width, side, stride) in enumerate(self.spec["convs"], start=1):
            x = conv(width, side, stride, f"conv{i}")(x)
            x = nn.relu(BatchNorm(name=f"bn{i}")(x, examples))
        return Linear(self.spec["classes"], name="fc")(x.mean((1, 2))), x


class ResBlock(nn.Module):
    """conv1 - bn1 - ReLU - conv2 - bn2 beside the input, ReLU after the sum."""

    width: int
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        y = conv(self.width, 3, self.stride, "conv1")(x)
        y = nn.relu(BatchNorm(name="bn1")(y, examples))
        y = conv(self.width, 3, 1, "conv2")(y)
        y = BatchNorm(name="bn2")(y, examples)
        if x.shape != y.shape:
            x = Named(self.width, 1, self.stride, name="shortcut")(x, examples)
        return nn.relu(x + y)


class Res(nn.Module):
    """A stem, residual blocks, the mean over space, `fc`; returns logits and the last map."""

    spec: Mapping[str, Any]

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> tuple[jax.Array, jax.Array]:
        x = nn.relu(Named(self.spec["stem"], 3, 1, name="stem")(x, examples))
        for i, (width, stride) in enumerate(self.spec["blocks"], start=1):
            x = ResBlock(width, stride, name=f"block{i}")(x, examples)
        return Linear(self.spec["classes"], name="fc")(x.mean((1, 2))), x


NETWORKS = {"plain": Plain, "res": Res}
