"""Learned positions at another image size.

Shapes: H W token grid, N = H * W, P prefix tokens (a class token), C channels.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np
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


def interpolate_tokens(value: Array, old: Grid, new: Grid, offset: float = 0.0) -> Array:
    """[1, P + N, C] on the grid `old` -> [1, P + N', C] on `new`, for crops of another size.

    Bicubic with the parameter -0.75, without smoothing; a linear map, so gradients pass.

    Args:
        offset: DINO and Mugs publish 0.1: they add it to the new side before they divide, which
            shifts the places a little. 0 samples where the tokens are.
    """
    channels = value.shape[-1]
    prefix = value.shape[1] - math.prod(old)
    grid = value[:, prefix:].reshape(*old, channels)
    down = jnp.asarray(_cubic_matrix(old[0], new[0], offset), value.dtype)  # [H', H]
    across = jnp.asarray(_cubic_matrix(old[1], new[1], offset), value.dtype)  # [W', W]
    resized = jnp.einsum("ph,qw,hwc->pqc", down, across, grid)
    tokens = resized.reshape(1, -1, channels)
    return jnp.concatenate([value[:, :prefix], tokens], axis=1)


def _cubic_matrix(old: int, new: int, offset: float) -> np.ndarray:
    """[new, old]: weights of the four neighbours of each new place, half-pixel centres."""
    places = (np.arange(new) + 0.5) * old / (new + offset) - 0.5
    first = np.floor(places).astype(int) - 1
    matrix = np.zeros((new, old))
    for neighbour in range(4):
        at = first + neighbour
        weights = _cubic(np.abs(places - at))
        inside = np.clip(at, 0, old - 1)  # beyond the border the border's value goes on
        np.add.at(matrix, (np.arange(new), inside), weights)
    return matrix


def _cubic(distance: np.ndarray) -> np.ndarray:
    """Keys' kernel with the parameter -0.75, for distances from 0 to 2."""
    a = -0.75
    near = (a + 2) * distance**3 - (a + 3) * distance**2 + 1
    far = a * (distance**3 - 5 * distance**2 + 8 * distance - 4)
    return np.where(distance <= 1, near, far)


def square_grid(tokens: int) -> Grid | None:
    """The square grid of so many tokens, or None where there is no such square."""
    side = math.isqrt(tokens)
    if side * side != tokens:
        return None
    return side, side
