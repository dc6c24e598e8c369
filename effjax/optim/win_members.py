"""The members of the Win family: SGD, Adam, AdamW and LAMB as published; Adan and Lion are ours.

Each is clipping, a direction, and `accelerated_step` (`win.py`); `mode` is 'win' or 'win2'.
"""

import optax

from effjax.optim.adan import scale_by_adan
from effjax.optim.clipping import clip_by_norm
from effjax.optim.decay import LearningRate, Mask, add_coupled_decay
from effjax.optim.directions import scale_by_moments, scale_by_momentum
from effjax.optim.lamb import scale_by_lamb
from effjax.optim.win import Mode, accelerated_step


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

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.full(3, 3.0)
        >>> tx = effjax.optim.lamb_win(0.02, weight_decay=1e-4)
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
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

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.full(3, 3.0)
        >>> tx = effjax.optim.adan_win(0.05)
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
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

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.full(3, 3.0)
        >>> tx = effjax.optim.lion_win(0.01)
        >>> state = tx.init(x)
        >>> for _ in range(600):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    return optax.chain(
        clip_by_norm(max_grad_norm),
        optax.scale_by_lion(b1, b2),
        accelerated_step(learning_rate, weight_decay, mask, factors=factors, mode=mode),
    )
