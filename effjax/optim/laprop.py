"""LaProp: Adam whose momentum is taken after the normalisation, not before.

Ziyin, Wang, Ueda: LaProp: Separating Momentum and Adaptivity in Adam, 2020,
https://arxiv.org/abs/2002.04839.
"""

import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Rate
from effjax.optim.registry import register_optimizer


@register_optimizer(paper="arXiv:2002.04839, Ziyin et al. 2020")
def laprop(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-15,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """Adam with its momentum after the normalisation.

        v <- b2 v + (1 - b2) g^2
        m <- b1 m + (1 - b1) g / (sqrt(v / (1 - b2^t)) + eps)
        p <- p (1 - lr wd) - lr m / (1 - b1^t)

    This is the paper's rule. The authors' code has the learning rate inside of m, which differs
    where the rate changes, and a decay that does not follow the rate.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors' default is 4e-4.
        b1, b2: keep factors of m and v, which may be chosen freely; eps as in Adam.
        weight_decay: wd, decoupled; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.laprop(optax.cosine_decay_schedule(0.05, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    return optax.chain(
        optax.scale_by_rms(decay=b2, eps=eps, eps_in_sqrt=False, bias_correction=True),
        optax.ema(b1, debias=True),
        step_with_decay(learning_rate, weight_decay, mask, proximal=False),
    )
