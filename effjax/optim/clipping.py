"""Clipping by the global norm, in the forms that published optimizers use."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import compute_dtype


def global_norm(updates: optax.Updates) -> jax.Array:
    """The L2 norm over all leaves together, summed in at least float32."""
    wide = jax.tree.map(lambda g: g.astype(compute_dtype(g)), updates)
    return optax.tree.norm(wide)


def clip_by_norm(max_norm: float | None, eps: float = 0.0) -> optax.GradientTransformationExtraArgs:
    """g <- min(1, max_norm / (norm + eps)) g, with the L2 norm over all leaves together.

    Where this sees a part of the leaves only, the extra argument `gradient_norm` of `update` gives
    the norm of all.

    Args:
        max_norm: the largest norm; None turns clipping off.
        eps: that of the method: Adan and the Win family add theirs to the norm, LAMB adds none.

    Raises:
        ValueError: if `max_norm` is not positive.
    """
    if max_norm is None:
        return optax.with_extra_args_support(optax.identity())
    # a traced norm cannot be looked at: the registry has looked at what came from a config
    is_known = not isinstance(max_norm, jax.core.Tracer)
    if is_known and not max_norm > 0:
        raise ValueError(f"the largest norm is above 0, or None for no clipping; got {max_norm}")

    def update(
        updates: optax.Updates,
        state: optax.EmptyState,
        params: optax.Params | None = None,
        *,
        gradient_norm: jax.Array | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.EmptyState]:
        del params, extra_args
        norm = global_norm(updates) if gradient_norm is None else gradient_norm
        # all gradients may be zero: then any divisor but zero will do
        divisor = jnp.where(norm + eps > 0, norm + eps, 1.0)
        factor = jnp.minimum(1.0, max_norm / divisor)
        clipped = jax.tree.map(lambda g: (g * factor).astype(g.dtype), updates)
        return clipped, state

    return optax.GradientTransformationExtraArgs(optax.init_empty_state, update)
