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
    eigenbases,
    identity_bases,
    outer_product,
    rotated,
    rotated_back,
    zero_factors,
)
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Period, PositiveAmount, Rate, Whole
from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map, zeros
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
    if refresh_period < 1:
        raise ValueError(f"kl_soap needs a refresh_period of at least 1, got {refresh_period}")
    keep = b2 if factor_decay is None else factor_decay

    def init(params: optax.Params) -> KlSoapState:
        factors = zero_factors(params, largest_axis)
        return KlSoapState(
            count=jnp.zeros([], jnp.int32),
            mu=zeros(params),
            nu=zeros(params),
            factors=factors,
            bases=identity_bases(params, largest_axis),
            eigenvalues=jax.tree.map(lambda f: jnp.full_like(f[0], first_eigenvalue), factors),
        )

    def update(
        updates: optax.Updates,
        state: KlSoapState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, KlSoapState]:
        del params
        t = state.count
        is_first = t == 0
        # the moments begin with the second update
        c1 = bias_correction(b1, jnp.maximum(t, 1))
        c2 = bias_correction(b2, jnp.maximum(t, 1))
        turn = jnp.where(is_first, 0, jnp.where(t % refresh_period == 0, 1, 2))

        def leaf(
            g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any, eigenvalues: Any
        ) -> tuple:
            g = g.astype(compute_dtype(g))
            turned = rotated(g, bases)
            new_m = b1 * m + (1 - b1) * g
            new_v = b2 * v + (1 - b2) * turned**2
            root = (jnp.sqrt(new_v) + eps) / jnp.sqrt(c2).astype(g.dtype)
            adam = rotated(new_m, bases) / c1.astype(g.dtype) / root
            u = jnp.where(is_first, 0, rotated_back(adam, bases))
            m = jnp.where(is_first, m, new_m)
            v = jnp.where(is_first, v, new_v)
            factors, new = _fitted(factors, eigenvalues, turned, keep, is_first)
            eigenvalues = jax.tree.map(lambda e, x: jnp.where(is_first, e, x), eigenvalues, new)
            branches = (partial(_turned, eigenbases), partial(_turned, _orthogonal), _kept)
            factors, bases = jax.lax.switch(turn, branches, factors, bases)
            return u, m, v, factors, bases, eigenvalues

        trees = (updates, *state[1:])
        u, *rest = unzip_map(leaf, trees, count=6)
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
    new_factors, new_eigenvalues = [], []
    for axis, (factor, e) in enumerate(zip(factors, eigenvalues, strict=True)):
        if factor is None:
            new_factors.append(None)
            new_eigenvalues.append(None)
            continue
        whitened = turned
        for other, values in enumerate(eigenvalues):
            if other == axis or values is None:
                continue
            # nothing has been whitened yet: the first factors are those of Shampoo
            root = jnp.where(is_first, 1, jnp.sqrt(values))
            shape = [1] * turned.ndim
            shape[other] = -1
            whitened = whitened / root.reshape(shape)
        length = turned.shape[axis]
        s = outer_product(whitened, axis) * (length / turned.size)
        new_factors.append(keep * factor + (1 - keep) * s)
        low, high = _LARGEST_INVERSE_ROOT
        least = max(low, min(length, high)) ** -2
        new_eigenvalues.append(jnp.maximum(keep * e + (1 - keep) * jnp.diag(s), least))
    return tuple(new_factors), tuple(new_eigenvalues)


def _turned(
    turns_of: Callable[[Factors], Factors], factors: Factors, bases: Factors
) -> tuple[Factors, Factors]:
    """F and Q after a turn T of the basis for each axis."""
    turns = turns_of(factors)
    pairs = list(zip(turns, factors, strict=True))
    factors = tuple(None if t is None else t.T @ f @ t for t, f in pairs)
    pairs = list(zip(turns, bases, strict=True))
    bases = tuple(None if t is None else _still_orthogonal(q @ t) for t, q in pairs)
    return factors, bases


def _still_orthogonal(q: jax.Array) -> jax.Array:
    """q without what rounding adds at each turn, by a step of Newton and Schulz."""
    return 1.5 * q - 0.5 * q @ (q.T @ q)


def _orthogonal(factors: Factors) -> Factors:
    """QR: one step of power iteration from the present bases."""
    return tuple(None if factor is None else jnp.linalg.qr(factor)[0] for factor in factors)


def _kept(factors: Factors, bases: Factors) -> tuple[Factors, Factors]:
    return factors, bases
