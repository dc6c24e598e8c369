"""Lookahead: k steps forward, one step back.

Zhang, Lucas, Hinton, Ba: Lookahead Optimizer: k steps forward, 1 step back, NeurIPS 2019,
https://arxiv.org/abs/1907.08610; the rule of the authors' code.

The slow weights live in the state, so that Lookahead is an ordinary transformation of ordinary
parameters, which are the fast weights. All arrays of one leaf have that leaf's shape.
"""

from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import StepState
from effjax.optim.numerics import compute_dtype

InnerState = Literal["none", "reset", "pullback"]


class LookaheadState(NamedTuple):
    """State of `lookahead`: one array a parameter beside the inner state (twice that: pullback)."""

    count: jax.Array  # int32 [], inner steps since the last sync
    slow: optax.Params  # in the parameters' dtype
    inner: optax.OptState
    synced: optax.OptState | None  # the inner state of the last sync, with pullback


def lookahead(
    inner: optax.GradientTransformation,
    sync_period: int = 5,
    slow_step_size: float = 0.8,
    *,
    inner_state: InnerState = "none",
    penalty: float = 0.0,
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
        ValueError: for a period below 1, or another `inner_state`.

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
    if sync_period < 1:
        raise ValueError(f"lookahead needs a sync_period of at least 1, got {sync_period}")
    if inner_state not in ("none", "reset", "pullback"):
        raise ValueError(f"inner_state is 'none', 'reset' or 'pullback', got {inner_state!r}")
    inner = optax.with_extra_args_support(inner)

    def init(params: optax.Params) -> LookaheadState:
        state = inner.init(params)
        return LookaheadState(
            count=jnp.zeros([], jnp.int32),
            slow=jax.tree.map(lambda p: jnp.array(p, copy=True), params),
            inner=state,
            synced=jax.tree.map(jnp.copy, state) if inner_state == "pullback" else None,
        )

    def update(
        updates: optax.Updates, state: LookaheadState, params: optax.Params, **extra_args: Any
    ) -> tuple[optax.Updates, LookaheadState]:
        if penalty:
            pull = lambda g, p, slow: g + 2 * penalty * (p - slow)  # noqa: E731
            updates = jax.tree.map(pull, updates, params, state.slow)
        updates, new = inner.update(updates, state.inner, params, **extra_args)
        state = state._replace(count=state.count + 1, inner=new)
        return jax.lax.cond(
            state.count >= sync_period, sync, lambda u, state, _: (u, state), updates, state, params
        )

    def sync(
        updates: optax.Updates, state: LookaheadState, params: optax.Params
    ) -> tuple[optax.Updates, LookaheadState]:
        a = slow_step_size

        def to_slow(u: jax.Array, p: jax.Array, slow: jax.Array) -> jax.Array:
            fast, slow = (w.astype(compute_dtype(u)) for w in (_applied(p, u), slow))
            return (a * fast + (1 - a) * slow - p).astype(u.dtype)

        updates = jax.tree.map(to_slow, updates, params, state.slow)
        slow = jax.tree.map(_applied, params, updates)
        new = state.inner
        if inner_state == "reset":
            new = _keep_schedules(inner.init(slow), new)
        if inner_state == "pullback":
            new = _keep_schedules(_interpolated(a, new, state.synced), new)
        synced = new if inner_state == "pullback" else None
        return updates, LookaheadState(jnp.zeros_like(state.count), slow, new, synced)

    return optax.GradientTransformationExtraArgs(init, update)


def _applied(p: jax.Array, u: jax.Array) -> jax.Array:
    """What `optax.apply_updates` makes of a leaf."""
    return jnp.asarray(p + u).astype(p.dtype)


def _interpolated(a: float, new: optax.OptState, synced: optax.OptState) -> optax.OptState:
    def leaf(x: jax.Array, old: jax.Array) -> jax.Array:
        return a * x + (1 - a) * old if jnp.issubdtype(x.dtype, jnp.floating) else x

    return jax.tree.map(leaf, new, synced)


_SCHEDULES = (StepState, optax.ScaleByScheduleState)
_INJECTED = optax.InjectStatefulHyperparamsState


def _keep_schedules(fresh: optax.OptState, old: optax.OptState) -> optax.OptState:
    """`fresh`, with the schedule counters and injected hyperparameters of `old`."""

    def merged(f: Any, o: Any) -> Any:
        if isinstance(o, _SCHEDULES):
            return o
        if isinstance(o, _INJECTED):
            return o._replace(inner_state=_keep_schedules(f.inner_state, o.inner_state))
        return jnp.asarray(f, o.dtype)

    is_kept = lambda node: isinstance(node, (*_SCHEDULES, _INJECTED))  # noqa: E731
    return jax.tree.map(merged, fresh, old, is_leaf=is_kept)
