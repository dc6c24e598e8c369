"""Learned position maps at another image size.

Shapes: H W token grid, N = H * W, C channels.
"""

import jax
import jax.numpy as jnp


def resize_map(value: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """[1, H, W, C] -> `shape`, bilinear, half-pixel centres."""
    return jax.image.resize(value, shape, "bilinear", antialias=False)


def resize_tokens(value: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """[1, 1 + N, C] -> `shape`, bicubic, for square grids; the class token stays as it is."""
    (_, before, channels), after = value.shape, shape[1]
    old, new = (round((tokens - 1) ** 0.5) for tokens in (before, after))
    grid = jnp.asarray(value[:, 1:]).reshape(1, old, old, channels)
    grid = jax.image.resize(grid, (1, new, new, channels), "bicubic", antialias=True)
    return jnp.concatenate([value[:, :1], grid.reshape(1, new * new, channels)], axis=1)
