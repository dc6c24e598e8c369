"""The transpose of a stride."""

import jax
import jax.numpy as jnp
from jax import lax


def spread(g: jax.Array, stride: int, space: tuple[int, int]) -> jax.Array:
    """Put ``g`` [B, Y, X, C] back on the input's grid, H and W ``space``, zeros between."""
    ends = [size - (size - 1) // stride * stride - 1 for size in space]
    pads = [(0, 0, 0), *((0, end, stride - 1) for end in ends), (0, 0, 0)]
    return lax.pad(g, jnp.zeros((), g.dtype), pads)
