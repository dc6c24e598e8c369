"""Schedule-free AdamW and SGD with maskable decay, made of optax's schedule-free wrapper.

Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky: The Road Less Scheduled, 2024,
https://arxiv.org/abs/2405.15682.

The parameters that are trained are y, where gradients are taken; `effjax.optim.eval_params` gives
the average x, which is what to evaluate.
"""

import optax

from effjax.optim.decay import LearningRate, Mask, add_coupled_decay


def schedule_free_adamw(
    learning_rate: LearningRate,
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    weight_lr_power: float = 2.0,
) -> optax.GradientTransformationExtraArgs:
    """Schedule-free AdamW.

        z <- z - lr (g / (sqrt(v / (1 - b2^t)) + eps) + wd y)
        x <- (1 - c) x + c z,    c = lr_max^power / sum of lr_max^power
        y <- b1 x + (1 - b1) z

    Args:
        learning_rate: constant or with a warm-up; no decay is needed.
        b1: how far y stands from z; b2, eps: Adam's second moment.
        weight_decay: wd, taken at y; mask: which leaves decay.
        weight_lr_power: power of the rate in the weights of the average.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> y = jnp.zeros(3)
        >>> tx = effjax.optim.schedule_free_adamw(0.1)
        >>> state = tx.init(y)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(y), state, y)
        ...     y = optax.apply_updates(y, updates)
        >>> bool(f(effjax.optim.eval_params(y, state)) < 1e-2)
        True
    """
    base = optax.chain(
        optax.scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        add_coupled_decay(weight_decay, mask),
        optax.scale_by_learning_rate(learning_rate),
    )
    return optax.contrib.schedule_free(base, learning_rate, b1, weight_lr_power)


def schedule_free_sgd(
    learning_rate: LearningRate,
    b1: float = 0.9,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    weight_lr_power: float = 2.0,
) -> optax.GradientTransformationExtraArgs:
    """Schedule-free SGD.

    As `schedule_free_adamw`, with z <- z - lr (g + wd y).

    Args:
        learning_rate: constant or with a warm-up; no decay is needed.
        b1: how far y stands from z.
        weight_decay: wd, taken at y; mask: which leaves decay.
        weight_lr_power: power of the rate in the weights of the average.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> y = jnp.zeros(3)
        >>> tx = effjax.optim.schedule_free_sgd(0.3)
        >>> state = tx.init(y)
        >>> for _ in range(100):
        ...     updates, state = tx.update(jax.grad(f)(y), state, y)
        ...     y = optax.apply_updates(y, updates)
        >>> bool(f(effjax.optim.eval_params(y, state)) < 1e-2)
        True
    """
    base = optax.chain(
        add_coupled_decay(weight_decay, mask),
        optax.scale_by_learning_rate(learning_rate),
    )
    return optax.contrib.schedule_free(base, learning_rate, b1, weight_lr_power)
