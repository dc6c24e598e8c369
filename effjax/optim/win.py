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

from effjax.optim.adan import scale_by_adan
from effjax.optim.clipping import clip_by_norm
from effjax.optim.decay import (
    LearningRate,
    Mask,
    StepState,
    add_coupled_decay,
    decay_tree,
    learning_rate_at,
)
from effjax.optim.directions import scale_by_moments, scale_by_momentum
from effjax.optim.lamb import scale_by_lamb
from effjax.optim.numerics import compute_dtype, copied, once, unzip_map

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
    r1, r2 = factors

    def init(params: optax.Params) -> WinState:
        return WinState(
            schedule=StepState(jnp.zeros([], jnp.int32)),
            x=copied(params),
            y=copied(params) if mode == "win2" else None,
        )

    def update(
        updates: optax.Updates, state: WinState, params: optax.Params
    ) -> tuple[optax.Updates, WinState]:
        rate = learning_rate_at(learning_rate, state.schedule.count)
        schedule = StepState(state.schedule.count + 1)

        def win(u: jax.Array, p: jax.Array, wd: float, x: jax.Array) -> tuple:
            lr, y = jnp.asarray(rate, compute_dtype(u)), p
            x = once((x - lr * u) / (1 + lr * wd))
            step = r1 * (x - y - lr * (u + wd * y)) / (1 + r1 + r1 * lr * wd)
            return step, x

        def win2(u: jax.Array, p: jax.Array, wd: float, x: jax.Array, y: jax.Array) -> tuple:
            lr, z = jnp.asarray(rate, compute_dtype(u)), p
            x = once((x - lr * u) / (1 + lr * wd))
            y = once((y + r1 * x - r1 * lr * u) / (1 + r1 + r1 * lr * wd))
            step = r2 * (x - z) + (r2 / r1) * (y - z) - r2 * lr * (u + wd * z)
            return step / (1 + r2 + r2 / r1 + r2 * lr * wd), x, y

        trees = (updates, params, decay_tree(weight_decay, mask, params), state.x)
        if mode == "win":
            steps, x = unzip_map(win, trees, count=2)
            return steps, WinState(schedule, x, None)
        steps, x, y = unzip_map(win2, (*trees, state.y), count=3)
        return steps, WinState(schedule, x, y)

    return optax.GradientTransformation(init, update)


def sgd_win(
    learning_rate: LearningRate,
    momentum: float = 0.9,
    dampening: float = 0.0,
    nesterov: bool = True,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    max_grad_norm: float = 0.0,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """SGD with momentum, accelerated by Win or Win2.

    `scale_by_momentum`, then `accelerated_step` with proximal decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.sgd_win(0.02, mode="win2")
        >>> state = tx.init(x)
        >>> for _ in range(100):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    return optax.chain(
        clip_by_norm(max_grad_norm, 1e-8),
        scale_by_momentum(momentum, dampening, nesterov),
        accelerated_step(learning_rate, weight_decay, mask, factors=factors, mode=mode),
    )


def adam_win(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    amsgrad: bool = False,
    max_grad_norm: float = 0.0,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """Adam with decay in the gradient, accelerated by Win or Win2.

    g <- g + wd p, Adam's direction with eps before the bias correction, then `accelerated_step`
    without further decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.adam_win(0.05)
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    return optax.chain(
        clip_by_norm(max_grad_norm, eps),
        add_coupled_decay(weight_decay, mask),
        scale_by_moments(b1, b2, eps, amsgrad=amsgrad, early_eps=True),
        accelerated_step(learning_rate, factors=factors, mode=mode),
    )


def adamw_win(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    amsgrad: bool = False,
    max_grad_norm: float = 0.0,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """AdamW with proximal decay, accelerated by Win or Win2.

    Adam's direction (`scale_by_moments`), then `accelerated_step`.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.adamw_win(0.05, mode="win2")
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    return optax.chain(
        clip_by_norm(max_grad_norm, eps),
        scale_by_moments(b1, b2, eps, amsgrad=amsgrad),
        accelerated_step(learning_rate, weight_decay, mask, factors=factors, mode=mode),
    )


def lamb_win(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    max_grad_norm: float = 1.0,
    always_adapt: bool = False,
    trust_clip: bool = False,
    bias_correction: bool = True,
    grad_averaging: bool = True,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """LAMB, accelerated by Win or Win2.

    `scale_by_lamb`, whose decay is inside the direction, then `accelerated_step`.
    """
    direction = scale_by_lamb(
        b1,
        b2,
        eps,
        weight_decay=weight_decay,
        mask=mask,
        always_adapt=always_adapt,
        trust_clip=trust_clip,
        bias_correction=bias_correction,
        grad_averaging=grad_averaging,
    )
    step = accelerated_step(learning_rate, factors=factors, mode=mode)
    return optax.chain(clip_by_norm(max_grad_norm), direction, step)


def adan_win(
    learning_rate: LearningRate,
    b1: float = 0.98,
    b2: float = 0.92,
    b3: float = 0.99,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    max_grad_norm: float = 0.0,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """Adan with proximal decay, accelerated by Win or Win2 (ours: no published code).

    `scale_by_adan`, then `accelerated_step`.
    """
    return optax.chain(
        clip_by_norm(max_grad_norm, eps),
        scale_by_adan(b1, b2, b3, eps),
        accelerated_step(learning_rate, weight_decay, mask, factors=factors, mode=mode),
    )


def lion_win(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.99,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    max_grad_norm: float = 0.0,
    factors: tuple[float, float] = (2.0, 8.0),
    mode: Mode = "win",
) -> optax.GradientTransformation:
    """Lion with proximal decay, accelerated by Win or Win2 (ours: no published code).

    The direction of `optax.scale_by_lion`, then `accelerated_step`.
    """
    return optax.chain(
        clip_by_norm(max_grad_norm),
        optax.scale_by_lion(b1, b2),
        accelerated_step(learning_rate, weight_decay, mask, factors=factors, mode=mode),
    )
