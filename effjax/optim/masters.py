"""Float32 masters: small steps survive in parameters of 16 bits.

A bfloat16 holds 8 significant bits: a step below 1/512 of a parameter's size is rounded away, and
so is an average with a decay of 0.999. The steps are therefore made on a float32 copy, of which the
parameter is the rounded value.

Micikevicius et al.: Mixed Precision Training, ICLR 2018, https://arxiv.org/abs/1710.03740.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import is_masked
from effjax.optim.evaluated import eval_params, evaluates
from effjax.optim.numerics import compute_dtype, is_low_precision, raised


class MastersState(NamedTuple):
    """State of `with_masters`: one float32 array for each parameter below float32."""

    masters: optax.Params  # MaskedNode where the parameter has 32 bits or more
    inner: optax.OptState


def with_masters(tx: optax.GradientTransformation) -> optax.GradientTransformationExtraArgs:
    """The same optimizer, which steps on float32 copies of parameters below float32.

        master <- master + tx's update at the master
        p <- master, rounded

    `optax.apply_updates` sets p to the rounded master, to the bit. Gradients are raised to float32.
    Without such parameters the state is that of `tx` alone. The inner optimizer sees float32
    arrays only: its averages are float32, and so are Lookahead's slow weights.
    """
    tx = optax.with_extra_args_support(tx)

    def init(params: optax.Params) -> optax.OptState:
        if not _any_low(params):
            return tx.init(params)
        wide = raised(params)
        masters = jax.tree.map(_master_of, params, wide)
        return MastersState(masters, tx.init(wide))

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, optax.OptState]:
        if not isinstance(state, MastersState):
            return tx.update(updates, state, params, **extra_args)
        if params is None:
            raise ValueError("float32 masters need the parameters: update(g, state, params)")
        wide = _whole(params, state.masters)
        gradients = raised(updates)
        steps, inner = tx.update(gradients, state.inner, wide, **extra_args)
        new = jax.tree.map(jnp.add, wide, steps)
        masters = _map_over(state.masters, _new_master, new)
        rounded = _map_over(state.masters, _rounded_step, params, new, steps)
        return rounded, MastersState(masters, inner)

    return optax.GradientTransformationExtraArgs(init, update)


@evaluates(MastersState)
def _evaluated_masters(params: optax.Params, state: MastersState) -> optax.Params:
    # what is inside may have weights of its own to evaluate: slow weights, an average
    return eval_params(_whole(params, state.masters), state.inner)


def _any_low(params: optax.Params) -> bool:
    return any(is_low_precision(p) for p in jax.tree.leaves(params))


def _whole(params: optax.Params, masters: optax.Params) -> optax.Params:
    """The masters, and the parameters that have none."""

    def of_leaf(master: Any, p: Any) -> Any:
        return p if is_masked(master) else master

    return _map_over(masters, of_leaf, params)


def _map_over(masters: optax.Params, f: Callable[..., Any], *trees: Any) -> Any:
    """`jax.tree.map` that also visits the places without a master."""
    return jax.tree.map(f, masters, *trees, is_leaf=is_masked)


def _master_of(p: jax.Array, wide: jax.Array) -> Any:
    return wide if is_low_precision(p) else optax.MaskedNode()


def _new_master(master: Any, new: Any) -> Any:
    return master if is_masked(master) else new


def _rounded_step(master: Any, p: Any, new: Any, step: Any) -> Any:
    """What to add to p in float32, so that the sum rounds to the rounded master."""
    if is_masked(master):
        return step
    wide = compute_dtype(p)
    rounded = new.astype(p.dtype)
    # exact in float32, unless p is so small beside it that its digits do not count
    return rounded.astype(wide) - p.astype(wide)
