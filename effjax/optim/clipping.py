"""Clipping by the global norm, in the forms that published optimizers use."""

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import compute_dtype


def clip_by_norm(max_norm: float, eps: float = 0.0) -> optax.GradientTransformation:
    """g <- min(1, max_norm / (norm + eps)) g, with the L2 norm over all leaves together.

    `max_norm` 0 means no clipping. `eps` is that of the method: Adan and the Win family add theirs
    to the norm, LAMB adds none.
    """
    if max_norm == 0:
        return optax.identity()

    def update(
        updates: optax.Updates, state: optax.EmptyState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, optax.EmptyState]:
        del params
        norm = optax.tree.norm(jax.tree.map(lambda g: g.astype(compute_dtype(g)), updates))
        factor = jnp.minimum(1.0, max_norm / jnp.where(norm + eps > 0, norm + eps, 1.0))
        return jax.tree.map(lambda g: (g * factor).astype(g.dtype), updates), state

    return optax.GradientTransformation(optax.init_empty_state, update)
