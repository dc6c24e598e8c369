"""Cautious updates: no step against the present gradient.

Liang, Chen, Liu, Liu: Cautious Optimizers: Improving Training with One Line of Code, 2024,
https://arxiv.org/abs/2411.16085.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.registry import register_optimizer


@register_optimizer(
    paper="arXiv:2411.16085, Liang et al. 2024",
    wraps="adamw",
    decay="added",  # what is masked is the step without decay
)
def cautious(inner: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """Leaves out the entries of an update that the gradient disagrees with.

        keep = u g < 0                          u: what `inner` adds to p; g: the gradient
        u <- u keep / max(mean of keep, 0.001)  one mean a leaf, so that steps stay as large

    Weight decay is no part of what is masked: `create("cautious", inner="adamw", ...)` adds the
    decoupled decay outside; give `inner` none when you wrap by hand.

    Args:
        inner: any optimizer; published with AdamW and Lion.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.cautious(optax.adam(0.1))
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    inner = optax.with_extra_args_support(inner)

    def masked(u: jax.Array, g: jax.Array) -> jax.Array:
        keep = (u * g < 0).astype(u.dtype)
        share = jnp.maximum(keep.mean(), 1e-3)
        return u * keep / share

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        steps, state = inner.update(updates, state, params, **extra_args)
        return jax.tree.map(masked, steps, updates), state

    return optax.GradientTransformationExtraArgs(inner.init, update)
