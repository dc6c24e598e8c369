"""What holds for the state of every optimizer, and what can be read from it."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import isinstance_masked
from effjax.optim.lookahead import LookaheadState
from effjax.optim.numerics import compute_dtype


def steady(tx: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same optimizer, fit for a jitted step that donates its buffers.

    * The state consists of arrays whose shapes and dtypes no update changes, so nothing recompiles.
    * None of them is a buffer of the parameters, so both can be donated.
    """
    tx = optax.with_extra_args_support(tx)

    def init(params: optax.Params) -> optax.OptState:
        return jax.tree.map(_own_array, tx.init(params))

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        updates, new = tx.update(updates, state, params, **extra_args)
        return updates, jax.tree.map(lambda a, old: jnp.asarray(a, old.dtype), new, state)

    return optax.GradientTransformationExtraArgs(init, update)


def in_float32(tx: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same optimizer, with low-precision parameters and gradients raised to float32 first.

    State, arithmetic and updates are then float32; `optax.apply_updates` casts what it makes of
    them back to the parameter's dtype.
    """
    tx = optax.with_extra_args_support(tx)

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        return tx.update(_raised(updates), state, _raised(params), **extra_args)

    return optax.GradientTransformationExtraArgs(lambda p: tx.init(_raised(p)), update)


def eval_params(params: optax.Params, opt_state: optax.OptState) -> optax.Params:
    """The parameters to evaluate, given those being trained and the optimizer's state.

    Lookahead and SLRLA: the slow weights. Schedule-free methods: the average x. Everything else,
    the Win family included: `params` itself. `opt_state` may be wrapped (chain, masked,
    multi_transform, inject_hyperparams, MultiSteps); of two such methods around one another the
    outer one counts.
    """
    kinds = tuple(EVALUATED)
    for node in jax.tree.leaves(opt_state, is_leaf=lambda node: isinstance(node, kinds)):
        if isinstance(node, kinds):
            params = EVALUATED[type(node)](params, node)
    return params


def _schedule_free_average(params: optax.Params, state: optax.contrib.ScheduleFreeState) -> Any:
    def average(z: Any, y: Any) -> Any:
        if isinstance_masked(z):
            return y
        return ((y - (1 - state.b1) * z) / state.b1).astype(y.dtype)

    return jax.tree.map(average, state.z, params, is_leaf=isinstance_masked)


def _slow_weights(params: optax.Params, state: LookaheadState) -> Any:
    return jax.tree.map(
        lambda slow, p: p if isinstance_masked(slow) else slow,
        state.slow,
        params,
        is_leaf=isinstance_masked,
    )


EVALUATED = {
    optax.contrib.ScheduleFreeState: _schedule_free_average,
    LookaheadState: _slow_weights,
}


def _raised(tree: Any) -> Any:
    def raised(x: Any) -> Any:
        low = jnp.issubdtype(x.dtype, jnp.floating) and jnp.finfo(x.dtype).bits < 32
        return x.astype(compute_dtype(x)) if low else x

    return jax.tree.map(raised, tree)


def _own_array(x: Any) -> jax.Array:
    return jnp.array(x, jnp.result_type(x), copy=True)
