"""What holds for the state of every optimizer that `create` makes."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import raised


def steady(tx: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same optimizer, fit for a jitted step that donates its buffers.

    * The state consists of arrays whose shapes and dtypes no update changes, so nothing recompiles.
    * None of them is a buffer of the parameters, so both can be donated.
    """
    tx = optax.with_extra_args_support(tx)

    # optax keeps some parameters themselves (the start of DoG): donated twice, they would be lost
    def init(params: optax.Params) -> optax.OptState:
        return jax.tree.map(_own_array, tx.init(params))

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        updates, new = tx.update(updates, state, params, **extra_args)
        # weak types and promotions would make another program of the next step
        new = jax.tree.map(lambda a, old: jnp.asarray(a, old.dtype), new, state)
        return updates, new

    return optax.GradientTransformationExtraArgs(init, update)


def in_float32(tx: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same optimizer, with low-precision parameters and gradients raised to float32 first.

    State, arithmetic and updates are then float32; `optax.apply_updates` casts what it makes of
    them back to the parameter's dtype. `with_masters` also keeps what that cast rounds away.
    """
    tx = optax.with_extra_args_support(tx)

    def init(params: optax.Params) -> optax.OptState:
        return tx.init(raised(params))

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        return tx.update(raised(updates), state, raised(params), **extra_args)

    return optax.GradientTransformationExtraArgs(init, update)


def _own_array(x: Any) -> jax.Array:
    return jnp.array(x, jnp.result_type(x), copy=True)
