"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson, Kakade: SOAP: Improving and Stabilizing
Shampoo using Adam, 2024, https://arxiv.org/abs/2409.11321; the rule of the authors' code.

    g, m, u      of a leaf's shape [d1, d2, ...]; v too, but in the rotated coordinates
    L_i, Q_i     [d_i, d_i] for each axis i: the factor, and its eigenvectors as columns
"""

from typing import Any

import jax
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.eigenbases import (
    SoapState,
    averaged,
    check_period,
    initial_state,
    rotated,
    rotated_adam,
    turned_anew,
)
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Period, Rate, Whole
from effjax.optim.numerics import compute_dtype, unzip_map
from effjax.optim.registry import register_optimizer


def scale_by_soap(
    b1: float = 0.95,
    b2: float = 0.95,
    eps: float = 1e-8,
    *,
    factor_decay: float | None = None,
    refresh_period: int = 10,
    largest_axis: int = 10000,
) -> optax.GradientTransformation:
    """Turns gradients g into SOAP's direction u.

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) (Q' g)^2                     Q' x: x with each axis turned by Q_i^T
        u = Q ((Q' m) / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps / sqrt(1 - b2^t)))
        L_i <- b L_i + (1 - b) g_(i) g_(i)^T              g_(i): g as a matrix with axis i first
        every `refresh_period`:  Q_i <- QR(L_i Q_i), its columns by decreasing eigenvalue

    The first update only makes L and Q (by `eigh`), and u is zero. Leaves with fewer than two axes,
    and axes longer than `largest_axis`, are not turned: there it is Adam.

    Args:
        b1, b2, eps: as in Adam, eps before the bias correction.
        factor_decay: b, the keep factor of L; None: b2.
        refresh_period: updates from one QR decomposition to the next.
        largest_axis: axes up to this length are turned.

    Where the first gradient has a rank below an axis' length, rounding decides some of the first
    eigenvectors, so that other hardware or another sharding takes another path from there.

    Raises:
        ValueError: for a period below 1.
    """
    check_period("soap", refresh_period)
    keep = b2 if factor_decay is None else factor_decay

    def init(params: optax.Params) -> SoapState:
        return initial_state(params, largest_axis)

    def update(
        updates: optax.Updates,
        state: SoapState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, SoapState]:
        del params
        t = state.count
        adam = rotated_adam(t, b1, b2, eps)

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any) -> tuple:
            g = g.astype(compute_dtype(g))
            u, m, v = adam(g, rotated(g, bases), m, v, bases)
            factors = averaged(factors, g, keep)
            v, bases = turned_anew(t, refresh_period, v, factors, bases)
            return u, m, v, factors, bases

        u, *rest = unzip_map(leaf, (updates, *state[1:]), count=5)
        return u, SoapState(t + 1, *rest)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2409.11321, Vyas et al. 2024")
def soap(
    learning_rate: Rate,
    b1: KeepFactor = 0.95,
    b2: KeepFactor = 0.95,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    factor_decay: KeepFactor | None = None,
    refresh_period: Period = 10,
    largest_axis: Whole = 10000,
) -> optax.GradientTransformation:
    """Adam in the slowly turning eigenbasis of Shampoo's preconditioner.

    The direction u is that of `scale_by_soap`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors use 3e-3.
        b1, b2, eps, factor_decay, refresh_period, largest_axis: see `scale_by_soap`.
        weight_decay: wd, decoupled; the authors use 0.01. mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.soap(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    direction = scale_by_soap(
        b1,
        b2,
        eps,
        factor_decay=factor_decay,
        refresh_period=refresh_period,
        largest_axis=largest_axis,
    )
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)
