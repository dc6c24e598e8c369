"""SLRLA: stage-wise local regularisation with Lookahead.

Zhou, Yan, Yuan, Feng, Yan: Towards Understanding Why Lookahead Generalizes Better Than SGD and
Beyond, NeurIPS 2021; the rule of the authors' code. Its stages are those of the learning rate (the
`step` schedule, whose defaults are the published ones).
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.hints import Amount, Period, ShareAboveZero, Whole
from effjax.optim.lookahead import InnerState, lookahead
from effjax.optim.registry import register_optimizer


class LocalPenaltyState(NamedTuple):
    """State of `add_local_penalty`: one array a parameter."""

    count: jax.Array  # int32 [], updates since the anchor was set
    anchor: optax.Params


def add_local_penalty(penalty: float, period: int) -> optax.GradientTransformation:
    """Adds the gradient of beta |p - anchor|^2; the first transform of a chain.

    every `period` updates:  anchor <- p
    g <- g + 2 beta (p - anchor)                        beta = penalty
    """

    def init(params: optax.Params) -> LocalPenaltyState:
        anchor = jax.tree.map(lambda p: jnp.array(p, copy=True), params)
        return LocalPenaltyState(jnp.zeros([], jnp.int32), anchor)

    def pull(g: jax.Array, p: jax.Array, anchor: jax.Array) -> jax.Array:
        return g + 2 * penalty * (p - anchor)

    def update(
        updates: optax.Updates,
        state: LocalPenaltyState,
        params: optax.Params,
    ) -> tuple[optax.Updates, LocalPenaltyState]:
        # a branch, not a `where`: the anchor is not read and written at every update
        anchor = jax.lax.cond(
            state.count == 0,
            lambda p, old: p,
            lambda p, old: old,
            params,
            state.anchor,
        )
        updates = jax.tree.map(pull, updates, params, anchor)
        return updates, LocalPenaltyState((state.count + 1) % period, anchor)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="Zhou et al., NeurIPS 2021", wraps="sgd", decay="inner")
def slrla(
    inner: optax.GradientTransformation,
    sync_period: Period = 5,
    slow_step_size: ShareAboveZero = 0.8,
    *,
    penalty: Amount = 0.2,
    penalty_period: Whole = 0,
    inner_state: InnerState = "none",
) -> optax.GradientTransformationExtraArgs:
    """Lookahead whose fast weights are tied to an anchor nearby.

        g <- g + 2 beta (p - anchor),  then Lookahead(inner)        beta = penalty

    The term goes through the inner optimizer with its momentum and decay.

    Args:
        inner: the optimizer of the fast steps; published with SGD, momentum 0.9, rate 0.1.
        sync_period, slow_step_size, inner_state: see `lookahead`.
        penalty: beta.
        penalty_period: updates after which the anchor moves to the current weights; 0: at every
            sync, where the slow weights are the anchor and no further array is kept.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.slrla(optax.sgd(0.1, momentum=0.9))
        >>> state = tx.init(x)
        >>> for _ in range(100):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(effjax.optim.eval_params(x, state)) < 1e-2)
        True
    """
    fields: dict[str, Any] = {"inner_state": inner_state}
    if penalty_period in (0, sync_period):
        return lookahead(inner, sync_period, slow_step_size, penalty=penalty, **fields)
    return optax.chain(
        add_local_penalty(penalty, penalty_period),
        lookahead(inner, sync_period, slow_step_size, **fields),
    )
