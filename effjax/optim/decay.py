"""The last line of an update rule: a step along a direction, with weight decay.

u: direction, p: parameter, lr: learning rate, wd: weight decay. All are of one leaf's shape or
scalars.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import compute_dtype

LearningRate = float | jax.Array | optax.Schedule
Mask = Any | Callable[[optax.Params], Any] | None


class StepState(NamedTuple):
    """`count`, int32 []: the argument of the learning-rate schedule, 0 at the first update."""

    count: jax.Array


def learning_rate_at(learning_rate: LearningRate, count: jax.Array) -> float | jax.Array:
    """The rate of update `count` (counted from 0): a schedule's value, or the rate itself."""
    if callable(learning_rate):
        return learning_rate(count)
    return learning_rate


def decay_tree(weight_decay: float, mask: Mask, params: optax.Params) -> Any:
    """The decay of each leaf: `weight_decay` where the mask says True (everywhere without a mask).

    `mask`: a tree like `params` of booleans, or of numbers that multiply `weight_decay`, or a
    function of `params` that makes one. Leaves that `optax.masked` has taken out of `params` may
    still be present in the tree.
    """
    # a Python number for each leaf: rules may ask whether it is zero when they are traced
    if mask is None:
        return jax.tree.map(lambda p: weight_decay, params)
    keep = mask(params) if callable(mask) else mask

    def decay_of_leaf(p: Any, share: Any) -> Any:
        return p if is_masked(p) else weight_decay * share

    return jax.tree.map(decay_of_leaf, params, keep, is_leaf=is_masked)


def is_masked(node: Any) -> bool:
    """Whether `optax.masked` or `optax.multi_transform` has put a blank in place of this leaf."""
    return isinstance(node, optax.MaskedNode)


def add_coupled_decay(weight_decay: float, mask: Mask = None) -> optax.GradientTransformation:
    """g <- g + wd p: decay as part of the gradient, before momentum and the like."""

    def update(
        updates: optax.Updates,
        state: optax.EmptyState,
        params: optax.Params,
    ) -> tuple[optax.Updates, optax.EmptyState]:
        decays = decay_tree(weight_decay, mask, params)
        decayed = jax.tree.map(lambda g, p, wd: g + wd * p, updates, params, decays)
        return decayed, state

    return optax.GradientTransformation(optax.init_empty_state, update)


def step_with_decay(
    learning_rate: LearningRate,
    weight_decay: float = 0.0,
    mask: Mask = None,
    *,
    proximal: bool = True,
) -> optax.GradientTransformation:
    """Steps along the incoming direction u, with decay towards zero.

        proximal       p <- (p - lr u) / (1 + lr wd)       the minimiser of a proximal model
        otherwise      p <- p (1 - lr wd) - lr u           decoupled, as in AdamW

    Args:
        learning_rate: a number, a traced scalar, or a schedule of the count of earlier updates.
        weight_decay: wd >= 0.
        mask: tree of booleans like the parameters, or a function that makes it; None: all decay.
        proximal: which of the two.

    Raises:
        ValueError: if `update` is called without the parameters.
    """

    def init(params: optax.Params) -> StepState:
        del params
        return StepState(jnp.zeros([], jnp.int32))

    def update(
        updates: optax.Updates,
        state: StepState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, StepState]:
        if params is None:
            raise ValueError(
                "a step with weight decay needs the parameters: update(g, state, params)"
            )
        # schedules are asked for the count of earlier updates: the first is schedule(0)
        rate = learning_rate_at(learning_rate, state.count)

        def step(u: jax.Array, p: jax.Array, wd: float) -> jax.Array:
            lr = jnp.asarray(rate, compute_dtype(u))
            shrink = 1 + lr * wd if proximal else 1
            # p_new - p, without the rounding of p_new
            return -lr * (u + wd * p) / shrink

        decays = decay_tree(weight_decay, mask, params)
        steps = jax.tree.map(step, updates, params, decays)
        return steps, StepState(state.count + 1)

    return optax.GradientTransformation(init, update)


def with_masked_decay(
    make: Callable[[float], optax.GradientTransformation], weight_decay: float, mask: Mask
) -> optax.GradientTransformation:
    """The method `make(weight_decay)`, which decays all leaves, with decay on some of them.

    For methods whose decay has a factor that only they know.
    """
    plain = make(0.0)
    decayed = make(weight_decay)

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params,
    ) -> tuple[optax.Updates, optax.OptState]:
        # the two updates differ in one term, so that the compiler shares the rest
        without, new_state = plain.update(updates, state, params)
        full, _ = decayed.update(updates, state, params)
        share = decay_tree(1.0, mask, params)
        mixed = jax.tree.map(lambda u, d, k: u + k * (d - u), without, full, share)
        return mixed, new_state

    return optax.GradientTransformation(plain.init, update)


def add_decoupled_decay(
    learning_rate: LearningRate, weight_decay: float, mask: Mask = None
) -> optax.GradientTransformation:
    """Adds -lr wd p to updates that are final otherwise: AdamW's decay for any method."""
    direction = step_with_decay(learning_rate, weight_decay, mask, proximal=False)

    def update(
        updates: optax.Updates,
        state: StepState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, StepState]:
        # u = 0 leaves -lr wd p
        no_direction = jax.tree.map(jnp.zeros_like, updates)
        decay, state = direction.update(no_direction, state, params)
        return jax.tree.map(jnp.add, updates, decay), state

    return optax.GradientTransformation(direction.init, update)
