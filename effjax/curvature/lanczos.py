"""Lanczos' iteration: the ends of a spectrum out of a few products, with residuals.

matfree has it too, as one compiled program of a fixed number of steps. These are lines of our own
because a product here streams over a data set and cannot be a part of such a program, and because
the iteration has to end where it has found all (k distinct eigenvalues need k steps).

Shapes: M parameters, k steps.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from effjax.curvature.products import Operator


class Tridiagonal(NamedTuple):
    """What k steps leave of a matrix: T = Q A Q', with Q the basis.

    Attributes:
      diagonal: float64 [k].
      beside: float64 [k]: entries beside the diagonal; the last one is what is left over.
      basis: [k, M], orthonormal rows.
    """

    diagonal: np.ndarray
    beside: np.ndarray
    basis: jax.Array

    def solve(self) -> tuple[np.ndarray, np.ndarray]:
        """(Ritz values [k], ascending, and their vectors [k, k] in the basis, one a column)."""
        between = self.beside[:-1]
        return np.linalg.eigh(np.diag(self.diagonal) + np.diag(between, 1) + np.diag(between, -1))


class Eigenvalues(NamedTuple):
    """Some eigenvalues with what is wrong with each.

    Attributes:
      values: float64 [n].
      residuals: float64 [n], |A x - value x| of the unit vector x: an eigenvalue is this close.
      vectors: [n, M].
    """

    values: np.ndarray
    residuals: np.ndarray
    vectors: jax.Array


def lanczos(operator: Operator, start: jax.Array, steps: int) -> Tridiagonal:
    """At most `steps` steps with full re-orthogonalisation; fewer where nothing is left.

    Args:
      start: [M], of any length but 0.
    """
    steps = min(steps, operator.size)
    basis = jnp.zeros((steps, operator.size), operator.dtype)
    diagonal: list[float] = []
    beside: list[float] = []
    vector = start / jnp.linalg.norm(start)
    for step in range(steps):
        basis = _with_row(basis, step, vector)
        after = operator.product(vector)
        diagonal.append(float(vector @ after))
        after = _orthogonal(basis, after)
        length = float(jnp.linalg.norm(after))
        beside.append(length)
        if length <= _rounding(operator, diagonal, beside):
            break
        vector = after / length
    made = len(diagonal)
    return Tridiagonal(np.array(diagonal), np.array(beside), basis[:made])


def _rounding(operator: Operator, diagonal: list[float], beside: list[float]) -> float:
    """How long a vector of nothing but rounding is."""
    size = max(map(abs, [*diagonal, *beside[:-1]]))
    return float(jnp.finfo(operator.dtype).eps) * operator.size**0.5 * size


@functools.partial(jax.jit, donate_argnums=0)
def _with_row(basis: jax.Array, row: int, vector: jax.Array) -> jax.Array:
    return basis.at[row].set(vector)


@jax.jit
def _orthogonal(basis: jax.Array, vector: jax.Array) -> jax.Array:
    """`vector` without its part in the basis; rows that are still 0 take nothing."""
    for _ in range(2):  # once leaves a part of the size of the rounding times the cancellation
        shares = jnp.matmul(basis, vector, precision="highest")
        vector = vector - jnp.matmul(shares, basis, precision="highest")
    return vector


def eigenvalues(found: Tridiagonal, count: int, end: str = "top") -> Eigenvalues:
    """The largest ("top", descending) or smallest ("bottom", ascending) Ritz values.

    Raises:
      ValueError: another end.
    """
    if end not in ("top", "bottom"):
        raise ValueError(f"expected top or bottom, got {end!r}")
    values, small = found.solve()
    order = np.argsort(values)
    if end == "top":
        order = order[::-1]
    chosen = order[:count]
    # no product is more exact than its rounding
    rounding = float(jnp.finfo(found.basis.dtype).eps) * np.abs(values).max()
    residuals = np.maximum(np.abs(found.beside[-1] * small[-1, chosen]), rounding)
    rotation = jnp.asarray(small[:, chosen].T, found.basis.dtype)
    vectors = jnp.matmul(rotation, found.basis, precision="highest")
    return Eigenvalues(values[chosen], residuals, vectors)
