"""Weight decay only where it does not work against the update.

Chen, Li, Liang, Su, Xie, Pierse, Liang, Lao, Liu: Cautious Weight Decay, 2025,
https://arxiv.org/abs/2510.12402.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, StepState, decay_tree, learning_rate_at
from effjax.optim.hints import Amount, Rate
from effjax.optim.numerics import compute_dtype
from effjax.optim.registry import register_optimizer


class CautiousDecayState(NamedTuple):
    """State of `cautious_decay`: a counter, beside the state of what is inside."""

    schedule: StepState
    inner: optax.OptState


@register_optimizer(paper="arXiv:2510.12402, Chen et al. 2025", wraps="adamw")
def cautious_decay(
    inner: optax.GradientTransformation,
    learning_rate: Rate,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformationExtraArgs:
    """Decays only the parameters that the update brings nearer to zero as well.

        p <- p - lr (u + wd p [u p >= 0])                  -lr u: what `inner` adds to p

    Args:
        inner: any optimizer, without a decay of its own; published with AdamW, Lion and Muon.
        learning_rate: that of `inner`.
        weight_decay: wd, as for AdamW; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.cautious_decay(optax.adam(0.1), 0.1, weight_decay=0.01)
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    inner = optax.with_extra_args_support(inner)

    def init(params: optax.Params) -> CautiousDecayState:
        return CautiousDecayState(StepState(jnp.zeros([], jnp.int32)), inner.init(params))

    def update(
        updates: optax.Updates,
        state: CautiousDecayState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, CautiousDecayState]:
        count = state.schedule.count
        rate = learning_rate_at(learning_rate, count)
        steps, inside = inner.update(updates, state.inner, params, **extra_args)

        def decayed(step: jax.Array, p: jax.Array, wd: float) -> jax.Array:
            lr = jnp.asarray(rate, compute_dtype(step))
            # the step is -lr u
            agrees = step * p <= 0
            return step - lr * wd * jnp.where(agrees, p, 0)

        decays = decay_tree(weight_decay, mask, params)
        steps = jax.tree.map(decayed, steps, params, decays)
        return steps, CautiousDecayState(StepState(count + 1), inside)

    return optax.GradientTransformationExtraArgs(init, update)
