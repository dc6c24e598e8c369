"""SOAP: Adam in the eigenbasis of Shampoo's preconditioner.

Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson, Kakade: SOAP: Improving and Stabilizing
Shampoo using Adam, 2024, https://arxiv.org/abs/2409.11321; the rule of the authors' code.

    g, m, u      of a leaf's shape [d1, d2, ...]; v too, but in the rotated coordinates
    L_i, Q_i     [d_i, d_i] for each axis i: the factor, and its eigenvectors as columns
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import LearningRate, Mask, step_with_decay
from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map, zeros

Factors = tuple[jax.Array | None, ...]  # one an axis; None where the axis is not rotated


class SoapState(NamedTuple):
    """State of `scale_by_soap`: a counter, m and v, and two square matrices for each axis."""

    count: jax.Array  # int32 [], earlier updates
    mu: optax.Updates
    nu: optax.Updates
    factors: Any  # L, a tuple for each leaf
    bases: Any  # Q


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
    if refresh_period < 1:
        raise ValueError(f"soap needs a refresh_period of at least 1, got {refresh_period}")
    keep = b2 if factor_decay is None else factor_decay

    def init(params: optax.Params) -> SoapState:
        def squares(p: jax.Array, make: Any) -> Factors:
            turned = [d if p.ndim > 1 and d <= largest_axis else None for d in p.shape]
            return tuple(None if d is None else make(d, compute_dtype(p)) for d in turned)

        factors = jax.tree.map(lambda p: squares(p, lambda d, t: jnp.zeros((d, d), t)), params)
        bases = jax.tree.map(lambda p: squares(p, lambda d, t: jnp.eye(d, dtype=t)), params)
        return SoapState(jnp.zeros([], jnp.int32), zeros(params), zeros(params), factors, bases)

    def update(
        updates: optax.Updates, state: SoapState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, SoapState]:
        del params
        t, first = state.count, state.count == 0
        c1, c2 = (bias_correction(b, jnp.maximum(t, 1)) for b in (b1, b2))
        turn = jnp.where(first, 0, jnp.where(t % refresh_period == 0, 1, 2))

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any) -> tuple:
            g = g.astype(compute_dtype(g))
            new_m = b1 * m + (1 - b1) * g
            new_v = b2 * v + (1 - b2) * _rotated(g, bases) ** 2
            root = (jnp.sqrt(new_v) + eps) / jnp.sqrt(c2).astype(g.dtype)
            u = _rotated_back(_rotated(new_m, bases) / c1.astype(g.dtype) / root, bases)
            u, m, v = (jnp.where(first, old, new) for old, new in ((0, u), (m, new_m), (v, new_v)))
            factors = tuple(
                None if f is None else keep * f + (1 - keep) * _outer(g, axis)
                for axis, f in enumerate(factors)
            )
            v, bases = jax.lax.switch(turn, (_eigenbases, _refreshed, _kept), v, factors, bases)
            return u, m, v, factors, bases

        trees = (updates, state.mu, state.nu, state.factors, state.bases)
        u, *rest = unzip_map(leaf, trees, count=5)
        return u, SoapState(t + 1, *rest)

    return optax.GradientTransformation(init, update)


def soap(
    learning_rate: LearningRate,
    b1: float = 0.95,
    b2: float = 0.95,
    eps: float = 1e-8,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    factor_decay: float | None = None,
    refresh_period: int = 10,
    largest_axis: int = 10000,
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


def _along(x: jax.Array, matrix: jax.Array, axis: int) -> jax.Array:
    """`matrix` [d, d] applied to one axis (of length d) of x."""
    return jnp.moveaxis(jnp.tensordot(matrix, x, axes=(1, axis)), 0, axis)


def _rotated(x: jax.Array, bases: Factors) -> jax.Array:
    for axis, q in enumerate(bases):
        x = x if q is None else _along(x, q.T, axis)
    return x


def _rotated_back(x: jax.Array, bases: Factors) -> jax.Array:
    for axis, q in enumerate(bases):
        x = x if q is None else _along(x, q, axis)
    return x


def _outer(g: jax.Array, axis: int) -> jax.Array:
    others = [i for i in range(g.ndim) if i != axis]
    return jnp.tensordot(g, g, axes=(others, others))


def _eigenbases(v: jax.Array, factors: Factors, bases: Factors) -> tuple[jax.Array, Factors]:
    """The eigenvectors of the factors, by decreasing eigenvalue."""
    del bases
    return v, tuple(None if f is None else jnp.linalg.eigh(f)[1][:, ::-1] for f in factors)


def _refreshed(v: jax.Array, factors: Factors, bases: Factors) -> tuple[jax.Array, Factors]:
    """One step of power iteration from the present bases; v follows the order of the columns."""
    new = []
    for axis, (f, q) in enumerate(zip(factors, bases, strict=True)):
        if f is None:
            new.append(None)
            continue
        order = jnp.argsort(-jnp.einsum("ij,ik,kj->j", q, f, q))
        v = jnp.take(v, order, axis)
        new.append(jnp.linalg.qr(f @ q[:, order])[0])
    return v, tuple(new)


def _kept(v: jax.Array, factors: Factors, bases: Factors) -> tuple[jax.Array, Factors]:
    del factors
    return v, bases
