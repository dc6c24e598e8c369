"""Patches of images, which of them are hidden, and how far a prediction is from them.

Masked Autoencoders Are Scalable Vision Learners, He et al. 2022, https://arxiv.org/abs/2111.06377.

Shapes: B batch, H W space, N patches, n of them kept, P pixels of a patch (all channels), C
channels of a target.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

EPS = 1e-6  # in the deviation of a patch


class Masks(NamedTuple):
    """Which patches of each image are kept.

    Attributes:
      kept: int32 [B, n], their numbers, in the order of their noise.
      hidden: [B, N], 1.0 for a patch that is hidden.
      places: int32 [B, N], where each patch stands among the kept ones and then the hidden ones.
    """

    kept: Array
    hidden: Array
    places: Array


def kept_count(patches: int, ratio: float) -> int:
    """How many of `patches` stay when `ratio` of them is hidden: rounded down, as published.

    10 patches at 0.9 keep none: 10 * (1 - 0.9) is a little less than 1 in floating point.
    """
    return int(patches * (1 - ratio))


def rank(noise: Array, count: int) -> Masks:
    """Keeps the `count` patches of the smallest noise [B, N]."""
    order = jnp.argsort(noise, axis=1).astype(jnp.int32)
    # the rank of each patch is also its place among the kept and then the hidden ones
    places = jnp.argsort(order, axis=1).astype(jnp.int32)
    is_hidden = places >= count
    return Masks(
        kept=order[:, :count],
        hidden=is_hidden.astype(jnp.float32),
        places=places,
    )


def draw_noise(rng: Array, index: Array, patches: int) -> Array:
    """Uniform [B, N]: of each example `index` [B] of the global batch by a key of its own."""

    def of_example(place: Array) -> Array:
        own_key = jax.random.fold_in(rng, place)
        return jax.random.uniform(own_key, (patches,))

    return jax.vmap(of_example)(index)


def cut(images: Array, side: int) -> Array:
    """[B, H, W, 3] -> patches [B, N, P], row by row; a patch is (row, column, channel)."""
    batch, height, width, channels = images.shape
    rows, columns = height // side, width // side
    parts = images.reshape(batch, rows, side, columns, side, channels)
    parts = parts.swapaxes(2, 3)  # [B, rows, columns, side, side, channels]
    return parts.reshape(batch, rows * columns, -1)


def join(patches: Array, grid: tuple[int, int], side: int) -> Array:
    """The way back: [B, N, P] -> [B, H, W, 3], for a grid (rows, columns)."""
    rows, columns = grid
    parts = patches.reshape(len(patches), rows, columns, side, side, -1)
    parts = parts.swapaxes(2, 3)
    return parts.reshape(len(patches), rows * side, columns * side, -1)


def normalised(target: Array) -> Array:
    """Each patch with its own mean and deviation [B, N, C]; the variance divides by C - 1."""
    mean = target.mean(-1, keepdims=True)
    variance = target.var(-1, keepdims=True, ddof=1)
    return (target - mean) / jnp.sqrt(variance + EPS)


def hidden_error(predicted: Array, target: Array, hidden: Array) -> tuple[Array, Array]:
    """The squared error of the hidden patches: (its sum of each image, their number), both [B].

    Args:
      predicted, target: [B, N, C].
      hidden: [B, N].
    """
    errors = jnp.square(predicted - target).mean(-1)  # [B, N]
    total = (errors * hidden).sum(-1)
    return total, hidden.sum(-1)
