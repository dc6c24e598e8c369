"""Lookahead: k steps forward, one step back.

Zhang, Lucas, Hinton, Ba: Lookahead Optimizer: k steps forward, 1 step back, NeurIPS 2019,
https://arxiv.org/abs/1907.08610; the rule of the authors' code.

The slow weights live in the state, so that Lookahead is an ordinary transformation of ordinary
parameters, which are the fast weights. All arrays of one leaf have that leaf's shape.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import StepState, is_masked
from effjax.optim.evaluated import evaluates
from effjax.optim.hints import Amount, Period, ShareAboveZero
from effjax.optim.numerics import compute_dtype
from effjax.optim.registry import register_optimizer

InnerState = Literal["none", "reset", "pullback"]


class LookaheadState(NamedTuple):
    """State of `lookahead`: one array a parameter beside the inner state (twice that: pullback)."""

    count: jax.Array  # int32 [], inner steps since the last sync
    slow: optax.Params  # in the parameters' dtype
    inner: optax.OptState
    synced: optax.OptState | None  # the inner state of the last sync, with pullback


@register_optimizer(paper="arXiv:1907.08610, Zhang et al. 2019", wraps="sgd", decay="inner")
def lookahead(
    inner: optax.GradientTransformation,
    sync_period: Period = 5,
    slow_step_size: ShareAboveZero = 0.8,
    *,
    inner_state: InnerState = "none",
    penalty: Amount = 0.0,
) -> optax.GradientTransformationExtraArgs:
    """Lookahead around any optimizer; nothing may change its updates afterwards.

    After every `sync_period` steps of the inner optimizer on the fast weights p,

        p <- a p + (1 - a) slow,    slow <- p,              a = slow_step_size

    Fast and slow weights are equal after a sync, to the last bit and in any dtype. Evaluate at
    `eval_params(params, state)`, which are the slow weights.

    Args:
        inner: the optimizer that makes the fast steps.
        sync_period: inner steps from one sync to the next, k; 5 in the authors' code.
        slow_step_size: a; 0.8 in the authors' code, 0.5 in the paper.
        inner_state: what a sync does to the inner state: 'none' leaves it; 'reset' starts it afresh
            but for the counters of schedules; 'pullback' interpolates its arrays with their values
            at the last sync, as the weights are.
        penalty: beta of the gradient term 2 beta (p - slow), see `slrla`.

    Raises:
        UserError: for a hyperparameter out of its range.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.lookahead(optax.sgd(0.1), sync_period=5, slow_step_size=0.5)
        >>> state = tx.init(x)
        >>> for _ in range(50):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(effjax.optim.eval_params(x, state)) < 1e-2)
        True
    """
    inner = optax.with_extra_args_support(inner)
    sync = partial(_synced, inner, slow_step_size, inner_state)

    def init(params: optax.Params) -> LookaheadState:
        state = inner.init(params)
        return LookaheadState(
            count=jnp.zeros([], jnp.int32),
            slow=jax.tree.map(lambda p: jnp.array(p, copy=True), params),
            inner=state,
            synced=jax.tree.map(jnp.copy, state) if inner_state == "pullback" else None,
        )

    def pull(g: jax.Array, p: jax.Array, slow: jax.Array) -> jax.Array:
        return g + 2 * penalty * (p - slow)

    def update(
        updates: optax.Updates,
        state: LookaheadState,
        params: optax.Params,
        **extra_args: Any,
    ) -> tuple[optax.Updates, LookaheadState]:
        if penalty:
            updates = jax.tree.map(pull, updates, params, state.slow)
        updates, new_inner = inner.update(updates, state.inner, params, **extra_args)
        state = state._replace(count=state.count + 1, inner=new_inner)
        # a branch, not a `where`: slow weights are read and written at a sync only
        is_due = state.count >= sync_period
        return jax.lax.cond(is_due, sync, _not_synced, updates, state, params)

    return optax.GradientTransformationExtraArgs(init, update)


def _synced(
    inner: optax.GradientTransformation,
    a: float,
    inner_state: InnerState,
    updates: optax.Updates,
    state: LookaheadState,
    params: optax.Params,
) -> tuple[optax.Updates, LookaheadState]:
    """The updates that bring the parameters to the new slow weights, and the state there."""
    step_to_slow = partial(_step_to_slow, a)
    updates = jax.tree.map(step_to_slow, updates, params, state.slow)
    # the very expression that `apply_updates` makes of the fast weights: equal to the bit
    slow = jax.tree.map(_applied, params, updates)
    new_inner = state.inner
    if inner_state == "reset":
        new_inner = _keep_schedules(inner.init(slow), new_inner)
    if inner_state == "pullback":
        # moments follow the weights, counters of schedules do not
        pulled = _interpolated(a, new_inner, state.synced)
        new_inner = _keep_schedules(pulled, new_inner)
    synced = new_inner if inner_state == "pullback" else None
    return updates, LookaheadState(jnp.zeros_like(state.count), slow, new_inner, synced)


def _not_synced(
    updates: optax.Updates,
    state: LookaheadState,
    params: optax.Params,
) -> tuple[optax.Updates, LookaheadState]:
    del params
    return updates, state


@evaluates(LookaheadState)
def _slow_weights(params: optax.Params, state: LookaheadState) -> Any:
    def of_leaf(slow: Any, p: Any) -> Any:
        return p if is_masked(slow) else slow

    return jax.tree.map(of_leaf, state.slow, params, is_leaf=is_masked)


def _step_to_slow(a: float, u: jax.Array, p: jax.Array, slow: jax.Array) -> jax.Array:
    """The update that makes p the new slow weights, given the update u of the inner optimizer."""
    dtype = compute_dtype(u)
    fast = _applied(p, u).astype(dtype)
    slow = slow.astype(dtype)
    return (a * fast + (1 - a) * slow - p).astype(u.dtype)


def _applied(p: jax.Array, u: jax.Array) -> jax.Array:
    """What `optax.apply_updates` makes of a leaf."""
    return jnp.asarray(p + u).astype(p.dtype)


def _interpolated(a: float, new: optax.OptState, synced: optax.OptState) -> optax.OptState:
    def leaf(x: jax.Array, old: jax.Array) -> jax.Array:
        if not jnp.issubdtype(x.dtype, jnp.floating):
            return x
        return a * x + (1 - a) * old

    return jax.tree.map(leaf, new, synced)


# States that a sync leaves alone: a schedule that began again would warm up again.
_SCHEDULES = (StepState, optax.ScaleByScheduleState)
_INJECTED = optax.InjectStatefulHyperparamsState


def _keep_schedules(fresh: optax.OptState, old: optax.OptState) -> optax.OptState:
    """`fresh`, with the schedule counters and injected hyperparameters of `old`."""

    def is_kept(node: Any) -> bool:
        return isinstance(node, (*_SCHEDULES, _INJECTED))

    def merged(new_node: Any, old_node: Any) -> Any:
        if isinstance(old_node, _SCHEDULES):
            return old_node
        if isinstance(old_node, _INJECTED):
            inner = _keep_schedules(new_node.inner_state, old_node.inner_state)
            return old_node._replace(inner_state=inner)
        return jnp.asarray(new_node, old_node.dtype)

    return jax.tree.map(merged, fresh, old, is_leaf=is_kept)
