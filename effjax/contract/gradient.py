"""The gradient of a loss over a batch that is taken in parts, one after another.

Shapes: A parts, B examples of the batch.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from effjax.contract.batch import Batch, Metrics, Params
from effjax.contract.state import TrainState

# (params, model_state, batch, rng, step) -> (loss, (model_state, metrics)), as `Task.loss`
Loss = Callable[..., tuple[jax.Array, tuple[Any, Metrics]]]
Weight = Callable[[Batch], jax.Array | float]  # as `Task.weight`
Square = Callable[[Params], jax.Array]  # a gradient -> its squared norm


class Gradient(NamedTuple):
    """The mean loss of a batch with its gradient, the new model state, and the metrics.

    `squares` [A] is the squared norm of each part's gradient, where it was asked for.
    """

    value: jax.Array
    grads: Params
    model_state: Any
    metrics: Metrics
    squares: jax.Array | None = None


def whole_gradient(
    loss: Loss,
    state: TrainState,
    batch: Batch,
    rng: jax.Array,
    square: Square | None = None,
) -> Gradient:
    """The gradient over a batch [B, ...] at once: of one part, where `square` is asked for."""
    gradient = jax.value_and_grad(loss, has_aux=True)
    (value, (model_state, metrics)), grads = gradient(
        state.params, state.model_state, batch, rng, state.step
    )
    squares = None if square is None else square(grads)[None]
    return Gradient(value, grads, model_state, metrics, squares)


def gradient_in_parts(
    loss: Loss,
    weight: Weight,
    state: TrainState,
    batch: Batch,
    rng: jax.Array,
    square: Square | None = None,
) -> Gradient:
    """The gradient over a batch [A, B / A, ...]: means of the parts, weighed by `weight`.

    One scan takes part after part, so that memory is that of one part. The model state goes from
    part to part; metrics are added.

    Args:
      square: gradient of a part -> its squared norm, for `Gradient.squares`.
    """
    shares = relative_weights(jax.vmap(weight)(batch))  # [A]

    def one_part(carry: Any, part_and_share: Any) -> tuple[Any, Any]:
        model_state, total = carry
        part, share = part_and_share
        here = state.replace(model_state=model_state)
        found = whole_gradient(loss, here, part, rng, square)

        def add(sum_so_far: jax.Array, grad: jax.Array) -> jax.Array:
            return sum_so_far + share.astype(sum_so_far.dtype) * grad

        total = jax.tree.map(add, total, found.grads)
        return (found.model_state, total), (share * found.value, found.metrics, found.squares)

    # many small terms are added, so bfloat16 parameters have their gradients added in float32
    zeros = jax.tree.map(_zeros_at_least_float32, state.params)
    last, each = jax.lax.scan(one_part, (state.model_state, zeros), (batch, shares))
    model_state, total = last
    values, metrics, squares = each  # [A, ...]
    return Gradient(
        value=values.mean(),
        grads=jax.tree.map(lambda t: t / len(shares), total),
        model_state=model_state,
        metrics=jax.tree.map(lambda m: m.sum(0), metrics),
        squares=None if squares is None else squares[:, 0],  # each part is one of its own
    )


def loss_in_parts(
    loss: Loss, weight: Weight, state: TrainState, batch: Batch, rng: jax.Array
) -> jax.Array:
    """The mean loss over a batch [A, B / A, ...], as `gradient_in_parts` has it."""
    shares = relative_weights(jax.vmap(weight)(batch))  # [A]

    def one_part(model_state: Any, part: Batch) -> tuple[Any, jax.Array]:
        value, (model_state, _) = loss(state.params, model_state, part, rng, state.step)
        return model_state, value

    _, values = jax.lax.scan(one_part, state.model_state, batch)
    return (shares * values).mean()


def relative_weights(weights: jax.Array) -> jax.Array:
    """`weights` [A] divided by their mean; zeros if all are zero.

    Equal weights become exactly 1: a sum then rounds as without weights.
    """
    weights = weights.astype(jnp.float32)
    total = weights.sum()
    # no part may have a valid example: the weights are then zeros, and stay so
    divisor = jnp.where(total > 0, total, 1.0)
    return weights * len(weights) / divisor


def _zeros_at_least_float32(parameter: jax.Array) -> jax.Array:
    dtype = jnp.promote_types(parameter.dtype, jnp.float32)
    return jnp.zeros(parameter.shape, dtype)
