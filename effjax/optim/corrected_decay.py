"""Weight decay that falls with the square of the learning rate.

Defazio: Why Gradients Rapidly Increase Near the End of Training, 2025,
https://arxiv.org/abs/2506.02285 (AdamC). Where a layer is followed by a normalisation, an ordinary
decay lets the gradients grow as the rate falls.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, StepState, decay_tree, learning_rate_at
from effjax.optim.hints import Amount, Rate
from effjax.optim.numerics import compute_dtype
from effjax.optim.registry import register_optimizer


class CorrectedDecayState(NamedTuple):
    """State of `corrected_decay`: a counter and a number, beside the state of what is inside."""

    schedule: StepState
    peak: jax.Array  # float32 [], the largest rate so far
    inner: optax.OptState


@register_optimizer(paper="arXiv:2506.02285, Defazio 2025", wraps="adamw")
def corrected_decay(
    inner: optax.GradientTransformation,
    learning_rate: Rate,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformationExtraArgs:
    """Decay times the share of the largest learning rate that is left (AdamC).

        p <- p - lr (u + wd lr / lr_max p)                 -lr u: what `inner` adds to p

    lr_max is the largest rate so far; the paper's is that of the whole schedule, so that the two
    differ during a warm-up, where this is the ordinary decay.

    Args:
        inner: any optimizer, without a decay of its own; published with AdamW and SGD.
        learning_rate: that of `inner`.
        weight_decay: wd, as for AdamW; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x, rate = jnp.zeros(3), optax.cosine_decay_schedule(0.1, 200)
        >>> tx = effjax.optim.corrected_decay(optax.adam(rate), rate, weight_decay=0.01)
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    inner = optax.with_extra_args_support(inner)

    def init(params: optax.Params) -> CorrectedDecayState:
        schedule = StepState(jnp.zeros([], jnp.int32))
        return CorrectedDecayState(schedule, jnp.zeros([], jnp.float32), inner.init(params))

    def update(
        updates: optax.Updates,
        state: CorrectedDecayState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, CorrectedDecayState]:
        count = state.schedule.count
        rate = jnp.asarray(learning_rate_at(learning_rate, count), jnp.float32)
        peak = jnp.maximum(state.peak, rate)
        # a warm-up may begin at a rate of 0
        share = rate / jnp.maximum(peak, jnp.finfo(jnp.float32).tiny)
        steps, inside = inner.update(updates, state.inner, params, **extra_args)

        def decayed(step: jax.Array, p: jax.Array, wd: float) -> jax.Array:
            shrink = (rate * share).astype(compute_dtype(step))
            return step - shrink * wd * p

        decays = decay_tree(weight_decay, mask, params)
        steps = jax.tree.map(decayed, steps, params, decays)
        return steps, CorrectedDecayState(StepState(count + 1), peak, inside)

    return optax.GradientTransformationExtraArgs(init, update)
