"""Learned positions at another image size.

Shapes: H W token grid, N = H * W, P prefix tokens (a class token), C channels.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.models.blocks.initialisers import normal_init

Grid = tuple[int, int]


def add_positions(module: nn.Module, name: str, x: jax.Array) -> jax.Array:
    """`x` [B, H, W, C] plus the parameter `name` [1, H, W, C] of `module`.

    The map has the grid that the model was initialised with. On another one it is interpolated,
    as the authors of the Inception Transformer do: bilinear, without smoothing.
    """
    grid = x.shape[1:]
    known = module.get_variable("params", name)
    shape = (1, *grid) if known is None else known.shape
    positions = module.param(name, normal_init, shape)
    return x + interpolate_map(positions, (1, *grid)).astype(x.dtype)


def interpolate_map(value: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """[1, H, W, C] -> `shape`, bilinear, half-pixel centres."""
    return jax.image.resize(value, shape, "bilinear", antialias=False)


def resize_map(value: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """[1, H, W, C] -> `shape` for good, as timm does: bicubic, smoothed where the grid shrinks."""
    return jax.image.resize(jnp.asarray(value), shape, "bicubic", antialias=True)


def resize_tokens(value: jax.Array, old: Grid, new: Grid) -> jax.Array:
    """[1, P + N, C] on the grid `old` -> [1, P + N', C] on `new`; the prefix stays as it is."""
    channels = value.shape[-1]
    prefix = value.shape[1] - math.prod(old)
    tokens = jnp.asarray(value[:, prefix:]).reshape(1, *old, channels)
    resized = resize_map(tokens, (1, *new, channels)).reshape(1, -1, channels)
    return jnp.concatenate([value[:, :prefix], resized], axis=1)


def square_grid(tokens: int) -> Grid | None:
    """The square grid of so many tokens, or None where there is no such square."""
    side = math.isqrt(tokens)
    return (side, side) if side * side == tokens else None
