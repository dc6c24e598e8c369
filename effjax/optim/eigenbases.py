"""A factor for each axis of a leaf, and its eigenvectors: what SOAP and its heirs share.

g, m         of a leaf's shape [d1, d2, ...]; v too, but in the rotated coordinates
L_i, Q_i     [d_i, d_i] for each axis i: the factor, and its eigenvectors as columns
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import bias_correction, compute_dtype, zeros

# one an axis; None where the axis is not turned: `jax.tree.map` passes these by
Factors = tuple[jax.Array | None, ...]


class SoapState(NamedTuple):
    """State of SOAP and SOAP-Muon: a counter, m and v, and two square matrices for each axis."""

    count: jax.Array  # int32 [], earlier updates
    mu: optax.Updates  # m
    nu: optax.Updates  # v
    factors: Any  # L, a tuple for each leaf
    bases: Any  # Q


def initial_state(params: optax.Params, largest_axis: int) -> SoapState:
    """Zeros, and bases that turn nothing."""
    return SoapState(
        count=jnp.zeros([], jnp.int32),
        mu=zeros(params),
        nu=zeros(params),
        factors=zero_factors(params, largest_axis),
        bases=identity_bases(params, largest_axis),
    )


def check_period(name: str, refresh_period: int) -> None:
    """Refuses a period of nothing.

    Raises:
        ValueError: for a period below 1.
    """
    if refresh_period < 1:
        raise ValueError(f"{name} needs a refresh_period of at least 1, got {refresh_period}")


def rotated_adam(
    count: jax.Array, b1: float, b2: float, eps: float
) -> Callable[..., tuple[jax.Array, jax.Array, jax.Array]]:
    """Adam's update number `count` in the coordinates of a leaf's bases.

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) (Q' g)^2                     Q' x: x with each axis turned by Q_i^T
        u = Q ((Q' m) / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps / sqrt(1 - b2^t)))

    The first update (0) has no Q yet: u is zero, and the moments begin with the second one.

    Returns:
        A function of g, Q' g, m, v and Q; it returns u and the new m and v.
    """
    is_first = count == 0
    t = jnp.maximum(count, 1)
    c1 = bias_correction(b1, t)
    c2 = bias_correction(b2, t)

    def adam(
        g: jax.Array, turned: jax.Array, m: jax.Array, v: jax.Array, bases: Factors
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        new_m = b1 * m + (1 - b1) * g
        new_v = b2 * v + (1 - b2) * turned**2
        root = (jnp.sqrt(new_v) + eps) / jnp.sqrt(c2).astype(g.dtype)
        direction = rotated(new_m, bases) / c1.astype(g.dtype) / root
        u = jnp.where(is_first, 0, rotated_back(direction, bases))
        return u, jnp.where(is_first, m, new_m), jnp.where(is_first, v, new_v)

    return adam


def zero_factors(params: optax.Params, largest_axis: int) -> Any:
    """L = 0 for each axis that is turned: those of leaves with two axes or more, up to a length."""
    make = partial(_squares, largest_axis=largest_axis, make=_zero_matrix)
    return jax.tree.map(make, params)


def identity_bases(params: optax.Params, largest_axis: int) -> Any:
    """Q = 1 for the same axes."""
    make = partial(_squares, largest_axis=largest_axis, make=_identity_matrix)
    return jax.tree.map(make, params)


def rotated(x: jax.Array, bases: Factors) -> jax.Array:
    """Q' x: x with each axis turned by Q_i^T."""
    for axis, q in enumerate(bases):
        if q is not None:
            x = _along(x, q.T, axis)
    return x


def rotated_back(x: jax.Array, bases: Factors) -> jax.Array:
    """Q x."""
    for axis, q in enumerate(bases):
        if q is not None:
            x = _along(x, q, axis)
    return x


def outer_product(x: jax.Array, axis: int) -> jax.Array:
    """x_(i) x_(i)^T [d_i, d_i], where x_(i) is x as a matrix with this axis first."""
    others = [i for i in range(x.ndim) if i != axis]
    return jnp.tensordot(x, x, axes=(others, others))


def averaged(factors: Factors, g: jax.Array, keep: float) -> Factors:
    """L_i <- b L_i + (1 - b) g_(i) g_(i)^T."""
    new = []
    for axis, factor in enumerate(factors):
        if factor is None:
            new.append(None)
            continue
        new.append(keep * factor + (1 - keep) * outer_product(g, axis))
    return tuple(new)


def eigenbases(factors: Factors) -> Factors:
    """The eigenvectors of the factors, by decreasing eigenvalue."""

    def of_one(factor: jax.Array) -> jax.Array:
        # eigh sorts by rising eigenvalue
        _, vectors = jnp.linalg.eigh(factor)
        return vectors[:, ::-1]

    return jax.tree.map(of_one, factors)


def refreshed(v: jax.Array, factors: Factors, bases: Factors) -> tuple[jax.Array, Factors]:
    """One step of power iteration from the present bases; v follows the order of the columns."""
    new = []
    for axis, (factor, q) in enumerate(zip(factors, bases, strict=True)):
        if factor is None:
            new.append(None)
            continue
        eigenvalues = jnp.einsum("ij,ik,kj->j", q, factor, q)
        order = jnp.argsort(-eigenvalues)
        v = jnp.take(v, order, axis)
        q, _ = jnp.linalg.qr(factor @ q[:, order])
        new.append(q)
    return v, tuple(new)


def which_turn(count: jax.Array, period: int) -> jax.Array:
    """After update `count`: 0 to find the first bases, 1 to refresh them, 2 to keep them."""
    return jnp.where(count == 0, 0, jnp.where(count % period == 0, 1, 2))


def turned_anew(
    count: jax.Array, period: int, v: jax.Array, factors: Factors, bases: Factors
) -> tuple[jax.Array, Factors]:
    """SOAP's v and Q after update `count`: `eigenbases`, then every `period` `refreshed`."""
    branches = (
        lambda v, factors, bases: (v, eigenbases(factors)),
        refreshed,
        lambda v, factors, bases: (v, bases),
    )
    return jax.lax.switch(which_turn(count, period), branches, v, factors, bases)


def _along(x: jax.Array, matrix: jax.Array, axis: int) -> jax.Array:
    """`matrix` [d, d] applied to one axis (of length d) of x."""
    product = jnp.tensordot(matrix, x, axes=(1, axis))
    # tensordot puts the new axis first
    return jnp.moveaxis(product, 0, axis)


def _squares(p: jax.Array, largest_axis: int, make: Callable[[int, Any], jax.Array]) -> Factors:
    """A [d, d] for each axis that is turned."""
    dtype = compute_dtype(p)
    matrices = []
    for length in p.shape:
        is_turned = p.ndim > 1 and length <= largest_axis
        matrices.append(make(length, dtype) if is_turned else None)
    return tuple(matrices)


def _zero_matrix(length: int, dtype: Any) -> jax.Array:
    return jnp.zeros((length, length), dtype)


def _identity_matrix(length: int, dtype: Any) -> jax.Array:
    return jnp.eye(length, dtype=dtype)
