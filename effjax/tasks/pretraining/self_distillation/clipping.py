"""Clipping of each tensor by its own norm, as DINO and Mugs do, and not of all together."""

from typing import Any

import jax
import jax.numpy as jnp

EPS = 1e-6


def clip_each(grads: Any, most: float) -> Any:
    """Scales every array whose L2 norm exceeds `most`."""

    def clip(grad: jax.Array) -> jax.Array:
        norm = jnp.sqrt(jnp.square(grad).sum())
        factor = jnp.minimum(1.0, most / (norm + EPS))
        return (grad * factor).astype(grad.dtype)

    return jax.tree.map(clip, grads)
