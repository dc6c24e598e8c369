"""Win and Win2: Nesterov-type acceleration by weight-decay-integrated steps of several sizes.

Zhou, Xie, Yan: Win: Weight-Decay-Integrated Nesterov Acceleration for Adaptive Gradient
Algorithms, ICLR 2023 (Win2: journal version). The rules are those of the authors' code.

A method gives a direction u; Win makes a conservative step x and a reckless one y, Win2 a more
reckless one z as well. The model holds the last of them, where the next gradient is taken. All
arrays of one leaf have that leaf's shape.
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import (
    LearningRate,
    Mask,
    StepState,
    decay_tree,
    learning_rate_at,
)
from effjax.optim.numerics import compute_dtype, copied, no_recompute, unzip_map

Mode = Literal["win", "win2"]


class WinState(NamedTuple):
    """State of `accelerated_step`: one (Win) or two (Win2) arrays a parameter."""

    schedule: StepState
    x: optax.Params
    y: optax.Params | None  # Win2 only; with Win the model holds y


def accelerated_step(
    learning_rate: LearningRate,
    weight_decay: float = 0.0,
    mask: Mask = None,
    *,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """Accelerates any direction u; the last transform of a chain.

        x <- (x - lr u) / (1 + lr wd)
        y <- (y + r1 x - r1 lr u) / (1 + r1 + r1 lr wd)
        z <- (z + r2 x + (r2 / r1) y - r2 lr u) / (1 + r2 + r2 / r1 + r2 lr wd)      (Win2 only)

    With lr = 0 the model still moves towards x: a schedule that ends at 0 averages the weights.

    Args:
        learning_rate: a number, a traced scalar or a schedule of the count of earlier updates.
        weight_decay, mask: proximal decay, and which leaves decay.
        factors: (r1, r2), how much larger the reckless steps are.
        mode: 'win' (the model holds y) or 'win2' (the model holds z).

    Raises:
        ValueError: for another mode.
    """
    if mode not in ("win", "win2"):
        raise ValueError(f"mode is 'win' or 'win2', got {mode!r}")
    # ratios, not rates: a schedule may end at zero, where ly / lx would be 0 / 0
    r1, r2 = factors

    def init(params: optax.Params) -> WinState:
        return WinState(
            schedule=StepState(jnp.zeros([], jnp.int32)),
            x=copied(params),  # its own buffers: the step may donate those of the parameters
            y=copied(params) if mode == "win2" else None,
        )

    def update(
        updates: optax.Updates,
        state: WinState,
        params: optax.Params,
    ) -> tuple[optax.Updates, WinState]:
        rate = learning_rate_at(learning_rate, state.schedule.count)
        schedule = StepState(state.schedule.count + 1)

        # what is returned is y_new - y or z_new - z, without the rounding of the new value
        def win(u: jax.Array, y: jax.Array, wd: float, x: jax.Array) -> tuple:
            lr = jnp.asarray(rate, compute_dtype(u))
            x = no_recompute((x - lr * u) / (1 + lr * wd))
            step = r1 * (x - y - lr * (u + wd * y)) / (1 + r1 + r1 * lr * wd)
            return step, x

        def win2(u: jax.Array, z: jax.Array, wd: float, x: jax.Array, y: jax.Array) -> tuple:
            lr = jnp.asarray(rate, compute_dtype(u))
            x = no_recompute((x - lr * u) / (1 + lr * wd))
            y = no_recompute((y + r1 * x - r1 * lr * u) / (1 + r1 + r1 * lr * wd))
            step = r2 * (x - z) + (r2 / r1) * (y - z) - r2 * lr * (u + wd * z)
            step = step / (1 + r2 + r2 / r1 + r2 * lr * wd)
            return step, x, y

        decays = decay_tree(weight_decay, mask, params)
        trees = (updates, params, decays, state.x)
        if mode == "win":
            steps, x = unzip_map(win, trees, count=2)
            return steps, WinState(schedule, x, None)
        steps, x, y = unzip_map(win2, (*trees, state.y), count=3)
        return steps, WinState(schedule, x, y)

    return optax.GradientTransformation(init, update)
