"""Schedule-free RAdam, which needs no warm-up either.

Defazio, Yang, Mehta, Mishchenko, Khaled, Cutkosky: The Road Less Scheduled, 2024,
https://arxiv.org/abs/2405.15682, with the rectification of Liu et al. 2019
(https://arxiv.org/abs/1908.03265); the rule of the authors' code, whose first phase is silent.
"""

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, add_coupled_decay, learning_rate_at
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Power, Rate, ShareAboveZero
from effjax.optim.numerics import bias_correction
from effjax.optim.registry import register_optimizer


def rectification(b2: float, count: jax.Array) -> jax.Array:
    """What the variance of v after `count` updates makes of a step: 0 at first, then up to 1.

    r = sqrt((n - 4) (n - 2) n_end / ((n_end - 4) (n_end - 2) n)),     0 while n <= 4
    n = n_end - 2 t b2^t / (1 - b2^t),    n_end = 2 / (1 - b2) - 1     how many gradients v averages
    """
    unseen = bias_correction(b2, count)
    end = 2 / (1 - b2) - 1
    length = end - 2 * count * (1 - unseen) / unseen
    # any length at which the root below is real
    safe = jnp.maximum(length, 4)
    share = (safe - 4) * (safe - 2) * end / ((end - 4) * (end - 2) * safe)
    return jnp.where(length > 4, jnp.sqrt(share), 0)


@register_optimizer(paper="arXiv:2405.15682, Defazio et al. 2024")
def schedule_free_radam(
    learning_rate: Rate,
    b1: ShareAboveZero = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    weight_lr_power: Power = 2.0,
) -> optax.GradientTransformationExtraArgs:
    """Schedule-free RAdam, without warm-up.

    As `schedule_free_adamw`, with lr r in the place of lr, r: `rectification`. While r is 0, for
    the first four updates with the default b2, only v is learned.

    Args:
        learning_rate: constant; the authors use 0.0025. b2 has to be above 0.6.
        b1: how far y stands from z.
        b2, eps: Adam's second moment.
        weight_decay: wd, taken at y; mask: which leaves decay.
        weight_lr_power: power of the rate in the weights of the average.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> y = jnp.zeros(3)
        >>> tx = effjax.optim.schedule_free_radam(0.1)
        >>> state = tx.init(y)
        >>> for _ in range(400):
        ...     updates, state = tx.update(jax.grad(f)(y), state, y)
        ...     y = optax.apply_updates(y, updates)
        >>> bool(f(effjax.optim.eval_params(y, state)) < 1e-2)
        True
    """

    def rate(count: jax.Array) -> jax.Array:
        return learning_rate_at(learning_rate, count) * rectification(b2, count + 1)

    # z's own steps: Adam without momentum, which the average x takes the place of
    base = optax.chain(
        optax.scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        add_coupled_decay(weight_decay, mask),
        optax.scale_by_learning_rate(rate),
    )
    # optax counts the updates of the average from 1, those of the base from 0
    return optax.contrib.schedule_free(base, lambda count: rate(count - 1), b1, weight_lr_power)
