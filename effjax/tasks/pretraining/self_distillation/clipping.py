"""What DINO does to gradients: each tensor is clipped by itself, and prototypes wait at first."""

from typing import Any

import jax
import jax.numpy as jnp

EPS = 1e-6


def clip_each(grads: Any, most: float) -> Any:
    """Scales every array whose L2 norm exceeds `most`."""

    def clip(grad: jax.Array) -> jax.Array:
        norm = jnp.sqrt(jnp.square(grad).sum())
        # the norm may be 0
        factor = jnp.minimum(1.0, most / (norm + EPS))
        return (grad * factor).astype(grad.dtype)

    return jax.tree.map(clip, grads)


def without_prototypes(grads: Any, held: jax.Array) -> Any:
    """`grads` of {"encoder", "head"}, zero for the prototypes while they are `held`."""
    zeros = jax.tree.map(jnp.zeros_like, grads)
    return prototypes_kept(zeros, grads, held)


def prototypes_kept(before: Any, after: Any, held: jax.Array) -> Any:
    """`after` with the prototypes of `before` while they are `held`: no decay moves them either."""
    if "group" not in after["head"]:
        return after
    old = before["head"]["group"]["prototypes"]
    group = dict(after["head"]["group"])
    group["prototypes"] = jnp.where(held, old, group["prototypes"])
    head = {**after["head"], "group": group}
    return {**after, "head": head}
