"""Costs of choices that are still soft, with their gradients.

Shapes: n options of a choice.
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

Form = Literal["two_sided", "hinge"]
SHIFT = 20.0  # of logits: beyond it a sigmoid is 0 or 1 in float32
HALVINGS = 30  # of 2 * SHIFT: the interval that is left is below float32's resolution at SHIFT


def expected(
    table: np.ndarray,
    weights: Sequence[jax.Array],
) -> jax.Array:
    """The expected cost of independent choices: a float32 scalar.

    Exact where every weight vector is one-hot.

    Args:
      table: the cost of every combination of options, [n_1, ..., n_d].
      weights: for each choice the weights of its options, [n_i], which sum to 1.
    """
    value = jnp.asarray(table, jnp.float32)
    for weight in reversed(weights):  # the last axis goes first
        value = value @ weight
    return value


def hat_weights(
    size: Any,
    count: int,
) -> jax.Array:
    """Weights [count] of the sizes 1, 3, 5, ... that interpolate linearly at a real-valued size.

    They sum to 1 inside the range, and an odd size has the weight 1.
    """
    options = 1 + 2 * jnp.arange(count)
    # a hat of width 2 on either side: at most two neighbours have a weight
    return jnp.clip(1 - jnp.abs(size - options) / 2, 0.0, 1.0)


def log_ratio(
    cost: jax.Array,
    budget: jax.Array | float,
    form: Form,
) -> jax.Array:
    """|log(cost / budget)|; with "hinge" max(log(cost / budget), 0), so a lower cost is free."""
    ratio = jnp.log(cost / budget)
    if form == "two_sided":
        return jnp.abs(ratio)
    return jax.nn.relu(ratio)


def shift_to(
    cost: Callable[[jax.Array], jax.Array],
    budget: jax.Array | float,
) -> jax.Array:
    """The shift x with cost(x) = budget, for a cost that rises with x.

    The derivatives are those of the implicit function. Where no shift within +-`SHIFT` reaches the
    budget, the nearest end is returned.
    """

    def halve(
        _: int,
        ends: tuple[jax.Array, jax.Array],
    ) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = (low + high) / 2
        above = cost(middle) > budget
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    ends = jnp.float32(-SHIFT), jnp.float32(SHIFT)
    low, high = jax.lax.fori_loop(0, HALVINGS, halve, ends)
    root = jax.lax.stop_gradient((low + high) / 2)
    slope = jax.lax.stop_gradient(jax.grad(cost)(root))
    # One Newton step at the root: its value is about zero, its derivative is dx of the implicit
    # function. The lower bound keeps a flat end of the sigmoids from dividing by zero.
    step = (cost(root) - budget) / jnp.maximum(slope, 1e-6 * budget)
    return root - (step - jax.lax.stop_gradient(step))
