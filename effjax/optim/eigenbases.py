"""A factor for each axis of a leaf, and its eigenvectors: what SOAP and its heirs share.

g            a gradient of a leaf's shape [d1, d2, ...]
L_i, Q_i     [d_i, d_i] for each axis i: the factor, and its eigenvectors as columns
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import compute_dtype

Factors = tuple[jax.Array | None, ...]  # one an axis; None where the axis is not turned


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
    new = []
    for factor in factors:
        if factor is None:
            new.append(None)
            continue
        # eigh sorts by rising eigenvalue
        _, vectors = jnp.linalg.eigh(factor)
        new.append(vectors[:, ::-1])
    return tuple(new)


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


def turned_anew(
    count: jax.Array, period: int, v: jax.Array, factors: Factors, bases: Factors
) -> tuple[jax.Array, Factors]:
    """SOAP's v and Q after update `count`: `eigenbases`, then every `period` `refreshed`."""
    turn = jnp.where(count == 0, 0, jnp.where(count % period == 0, 1, 2))
    branches = (
        lambda v, factors, bases: (v, eigenbases(factors)),
        refreshed,
        lambda v, factors, bases: (v, bases),
    )
    return jax.lax.switch(turn, branches, v, factors, bases)


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
