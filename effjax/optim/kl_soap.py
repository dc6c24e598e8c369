"""KL-SOAP: SOAP, whose factors are fitted to the gradients' covariance by its divergence.

Lin, Lowe, Dangel, Eschenhagen, Xu, Grosse: Understanding and Improving Shampoo and SOAP via
Kullback-Leibler Minimization, 2025, https://arxiv.org/abs/2509.03378; the rule of their code.

    g, m, u         of a leaf's shape [d1, d2, ...]; v too, but in the rotated coordinates
    Q_i, F_i, e_i   [d_i, d_i], [d_i, d_i] and [d_i] for each axis i: the basis as columns, the
                    factor Q_i F_i Q_i^T in its coordinates, nearly diagonal, and the eigenvalues
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.eigenbases import (
    Factors,
    check_period,
    eigenbases,
    initial_state,
    outer_product,
    rotated,
    rotated_adam,
    which_turn,
)
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Period, PositiveAmount, Rate, Whole
from effjax.optim.numerics import compute_dtype, unzip_map
from effjax.optim.registry import register_optimizer

# The authors let 1 / sqrt(e) grow to the length of the axis, and to a number between these two.
_LARGEST_INVERSE_ROOT = (10, 4000)


class KlSoapState(NamedTuple):
    """State of `scale_by_kl_soap`: that of SOAP, and the eigenvalues of each axis."""

    count: jax.Array  # int32 [], earlier updates
    mu: optax.Updates
    nu: optax.Updates
    factors: Any  # F, a tuple for each leaf
    bases: Any  # Q
    eigenvalues: Any  # e


def scale_by_kl_soap(
    b1: float = 0.95,
    b2: float = 0.95,
    eps: float = 1e-8,
    *,
    factor_decay: float | None = None,
    refresh_period: int = 10,
    largest_axis: int = 10000,
    first_eigenvalue: float = 0.1,
) -> optax.GradientTransformation:
    """Turns gradients g into KL-SOAP's direction u, which is SOAP's with other factors.

        w   = Q' g, each other axis j divided by sqrt(e_j)        for each axis i, as in SOAP: Q' x
        S   = w_(i) w_(i)^T / (product of the other lengths)      w_(i): w with axis i first
        F_i <- b F_i + (1 - b) S
        e_i <- b e_i + (1 - b) diag(S)
        every `refresh_period`:  T = QR(F_i),  Q_i <- Q_i T,  F_i <- T^T F_i T

    At the fixed point each factor is the covariance of the gradients as the other factors whiten
    them: the Kronecker product of all that is nearest to the gradients' covariance by the
    divergence of Kullback and Leibler. The authors keep L_i = Q_i F_i Q_i^T, which comes to the
    same. The first update makes F of g itself, T by `eigh`, and u is zero; v and e keep the order
    of their columns.

    Args:
        b1, b2, eps, largest_axis: as in `scale_by_soap`. The authors' code has no bias corrections;
            they are here as in SOAP.
        factor_decay: b, the keep factor of F and e; None: b2.
        refresh_period: updates from one QR decomposition to the next.
        first_eigenvalue: e at the beginning.

    Raises:
        ValueError: for a period below 1.
    """
    check_period("kl_soap", refresh_period)
    keep = b2 if factor_decay is None else factor_decay

    def init(params: optax.Params) -> KlSoapState:
        start = initial_state(params, largest_axis)
        values = jax.tree.map(lambda f: jnp.full_like(f[0], first_eigenvalue), start.factors)
        return KlSoapState(*start, eigenvalues=values)

    def update(
        updates: optax.Updates,
        state: KlSoapState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, KlSoapState]:
        del params
        t = state.count
        adam = rotated_adam(t, b1, b2, eps)
        turn = which_turn(t, refresh_period)

        def leaf(
            g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any, eigenvalues: Any
        ) -> tuple:
            g = g.astype(compute_dtype(g))
            turned = rotated(g, bases)
            u, m, v = adam(g, turned, m, v, bases)
            factors, eigenvalues = _fitted(factors, eigenvalues, turned, keep, t == 0)
            branches = (partial(_turned, eigenbases), partial(_turned, _orthogonal), _kept)
            factors, bases = jax.lax.switch(turn, branches, factors, bases)
            return u, m, v, factors, bases, eigenvalues

        u, *rest = unzip_map(leaf, (updates, *state[1:]), count=6)
        return u, KlSoapState(t + 1, *rest)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2509.03378, Lin et al. 2025")
def kl_soap(
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
    first_eigenvalue: PositiveAmount = 0.1,
) -> optax.GradientTransformation:
    """SOAP with factors that whiten each other, fitted by their divergence.

    The direction u is that of `scale_by_kl_soap`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule, as for SOAP.
        b1, b2, eps, factor_decay, refresh_period, largest_axis, first_eigenvalue: see
            `scale_by_kl_soap`.
        weight_decay: wd, decoupled. mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.kl_soap(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    direction = scale_by_kl_soap(
        b1,
        b2,
        eps,
        factor_decay=factor_decay,
        refresh_period=refresh_period,
        largest_axis=largest_axis,
        first_eigenvalue=first_eigenvalue,
    )
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)


def _fitted(
    factors: Factors,
    eigenvalues: Factors,
    turned: jax.Array,
    keep: float,
    is_first: jax.Array,
) -> tuple[Factors, Factors]:
    """The new F and e, from the gradient in the rotated coordinates."""
    new_factors = []
    new_eigenvalues = []
    for axis, (factor, e) in enumerate(zip(factors, eigenvalues, strict=True)):
        if factor is None:
            new_factors.append(None)
            new_eigenvalues.append(None)
            continue
        length = turned.shape[axis]
        w = _whitened(turned, eigenvalues, axis, is_first)
        s = outer_product(w, axis) * (length / turned.size)
        new_factors.append(keep * factor + (1 - keep) * s)
        low, high = _LARGEST_INVERSE_ROOT
        least = max(low, min(length, high)) ** -2
        new_e = jnp.maximum(keep * e + (1 - keep) * jnp.diag(s), least)
        new_eigenvalues.append(jnp.where(is_first, e, new_e))
    return tuple(new_factors), tuple(new_eigenvalues)


def _whitened(turned: jax.Array, eigenvalues: Factors, axis: int, is_first: jax.Array) -> jax.Array:
    """w: each axis but this one divided by sqrt(e); at first there is nothing to divide by."""
    for other, values in enumerate(eigenvalues):
        if other == axis or values is None:
            continue
        # the first factors are those of Shampoo
        root = jnp.where(is_first, 1, jnp.sqrt(values))
        shape = [1] * turned.ndim
        shape[other] = -1
        turned = turned / root.reshape(shape)
    return turned


def _turned(
    turns_of: Callable[[Factors], Factors], factors: Factors, bases: Factors
) -> tuple[Factors, Factors]:
    """F and Q after a turn T of the basis for each axis."""
    turns = turns_of(factors)
    factors = jax.tree.map(lambda t, f: t.T @ f @ t, turns, factors)
    bases = jax.tree.map(lambda t, q: _still_orthogonal(q @ t), turns, bases)
    return factors, bases


def _still_orthogonal(q: jax.Array) -> jax.Array:
    """q without what rounding adds at each turn, by a step of Newton and Schulz."""
    return 1.5 * q - 0.5 * q @ (q.T @ q)


def _orthogonal(factors: Factors) -> Factors:
    """QR: one step of power iteration from the present bases."""
    return jax.tree.map(lambda factor: jnp.linalg.qr(factor)[0], factors)


def _kept(factors: Factors, bases: Factors) -> tuple[Factors, Factors]:
    return factors, bases
