"""Mechanic: the learning rate of any optimizer is learned while it trains.

Cutkosky, Defazio, Mehta: Mechanic: A Learning Rate Tuner, NeurIPS 2023,
https://arxiv.org/abs/2306.00144; the code of optax, which is the authors'.
"""

from typing import Annotated

import optax

from effjax.optim.hints import Amount, Epsilon, PositiveAmount
from effjax.optim.registry import register_optimizer
from effjax.ranges import Range


@register_optimizer(
    paper="arXiv:2306.00144, Cutkosky et al. 2023",
    wraps="adamw",
    decay="inner",
    coupling="direction",  # one scale of all leaves
)
def mechanic(
    inner: optax.GradientTransformation,
    scale_decay: Amount = 0.01,
    scale_start: PositiveAmount = 1e-6,
    scale_eps: Epsilon = 1e-8,
    scale_betas: Annotated[int, Range(1, 7)] = 6,  # one more is 1 in float32
) -> optax.GradientTransformationExtraArgs:
    """Learns the scale of another optimizer's steps, so that no learning rate is tuned.

        p <- first p + s (sum of the steps of `inner`)        s >= 0: one number of all leaves

    The scale s grows while descent goes on along the way that was taken, and shrinks where it
    turns back. Give a learning rate of 1; its schedule shapes the steps of `inner` as ever.
    Nothing may change the updates of Mechanic afterwards.

    Args:
        inner: the optimizer that makes the steps; published with AdamW, Lion and SGD.
        scale_decay: lambda of the paper, which holds s back; parameters do not decay by it.
        scale_start: the share of each average in s at the start.
        scale_eps: beside norms and in divisors.
        scale_betas: how many averages, with keep factors 0.9, 0.99, ..., add up to s.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.mechanic(optax.sgd(1.0))
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    return optax.contrib.mechanize(inner, scale_decay, scale_eps, scale_start, scale_betas)
