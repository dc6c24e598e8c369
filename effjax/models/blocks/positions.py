"""Learned positions at another image size.

Shapes: H W token grid, N = H * W, P prefix tokens (a class token), C channels.
"""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.initialisers import normal_init

Grid = tuple[int, int]  # rows, columns


def add_positions(module: nn.Module, name: str, x: Array) -> Array:
    """`x` [B, H, W, C] plus the parameter `name` [1, H, W, C] of `module`.

    The map has the grid that the model was initialised with. On another one it is interpolated,
    as the authors of the Inception Transformer do: bilinear, without smoothing.
    """
    needed = (1, *x.shape[1:])
    known = module.get_variable("params", name)
    # In `init` there is no parameter yet: it gets the grid of these images.
    shape = needed if known is None else known.shape
    positions = module.param(name, normal_init, shape)
    fitted = interpolate_map(positions, needed)
    return x + fitted.astype(x.dtype)


def interpolate_map(value: Array, shape: tuple[int, ...]) -> Array:
    """[1, H, W, C] -> `shape`, bilinear, half-pixel centres."""
    return jax.image.resize(value, shape, "bilinear", antialias=False)


def resize_map(value: Array, shape: tuple[int, ...]) -> Array:
    """[1, H, W, C] -> `shape` for good, as timm does: bicubic, smoothed where the grid shrinks."""
    # JAX's kernel has the parameter -0.5, as PyTorch's has with antialias (without: -0.75).
    given = jnp.asarray(value)
    return jax.image.resize(given, shape, "bicubic", antialias=True)


def resize_tokens(value: Array, old: Grid, new: Grid) -> Array:
    """[1, P + N, C] on the grid `old` -> [1, P + N', C] on `new`; the prefix stays as it is."""
    channels = value.shape[-1]
    prefix = value.shape[1] - math.prod(old)
    # Tokens go row by row: [1, N, C] -> [1, H, W, C]
    grid = value[:, prefix:].reshape(1, *old, channels)
    resized = resize_map(grid, (1, *new, channels))
    # and back: [1, H', W', C] -> [1, N', C]
    tokens = resized.reshape(1, -1, channels)
    return jnp.concatenate([value[:, :prefix], tokens], axis=1)


def square_grid(tokens: int) -> Grid | None:
    """The square grid of so many tokens, or None where there is no such square."""
    side = math.isqrt(tokens)
    if side * side != tokens:
        return None
    return side, side
