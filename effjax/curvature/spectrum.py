"""Traces and spectral densities out of products with random vectors.

Shapes: M parameters, k steps of Lanczos, S starts, G points of a grid.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from effjax.curvature.lanczos import lanczos
from effjax.curvature.products import Operator


class Estimate(NamedTuple):
    """A mean of draws, with its standard error (NaN of one draw)."""

    value: float
    error: float
    samples: np.ndarray  # float64 [S]


class Quadrature(NamedTuple):
    """Nodes with weights that stand for a spectrum; one row a start.

    sum(weight * f(node)) is v' f(A) v of the unit start v, exactly for polynomials of a degree up
    to 2k - 1. Rows of starts that ended early are filled with nodes of weight 0.
    """

    nodes: np.ndarray  # float64 [S, k], ascending
    weights: np.ndarray  # float64 [S, k], each row sums to 1


def signs(key: jax.Array, operator: Operator, count: int) -> Iterator[jax.Array]:
    """Vectors [M] of random signs (Rademacher)."""
    shape = (operator.size,)
    for draw in range(count):
        own_key = jax.random.fold_in(key, draw)
        yield jax.random.rademacher(own_key, shape, operator.dtype)


def trace(operator: Operator, vectors: Iterable[jax.Array]) -> Estimate:
    """Hutchinson's estimate: the mean of v' A v over random signs v.

    A draw's variance is 2 (|A|_F^2 - sum A_ii^2): the number of draws says how well it is known.
    """
    whole = {"": jnp.ones(operator.size, bool)}
    return traces(operator, vectors, whole)[""]


def traces(
    operator: Operator, vectors: Iterable[jax.Array], blocks: Mapping[str, jax.Array]
) -> dict[str, Estimate]:
    """{block: trace of its diagonal block}, all from the products of one trace.

    Signs of other blocks enter the product of a block with mean 0: they add to the error alone.

    Args:
      blocks: {name: [M] bool}.
    """
    found: dict[str, list[float]] = {name: [] for name in blocks}
    for v in vectors:
        terms = v * operator.product(v)
        for name, within in blocks.items():
            found[name].append(float(jnp.where(within, terms, 0).sum()))
    return {name: _estimate(np.array(samples)) for name, samples in found.items()}


def _estimate(samples: np.ndarray) -> Estimate:
    error = np.nan  # one draw says nothing of the others
    if len(samples) > 1:
        deviation = samples.std(ddof=1)
        error = float(deviation / len(samples) ** 0.5)
    return Estimate(float(samples.mean()), error, samples)


def quadrature(operator: Operator, starts: Iterable[jax.Array], steps: int) -> Quadrature:
    """Stochastic Lanczos quadrature: Ritz values weighed by their share in each start.

    Lin, Saad, Yang: Approximating spectral densities of large matrices, SIAM Review 2016.
    """
    nodes: list[np.ndarray] = []
    weights: list[np.ndarray] = []
    for start in starts:
        values, vectors = lanczos(operator, start, steps).solve()
        nodes.append(values)
        weights.append(vectors[0] ** 2)
    longest = max(map(len, nodes))
    # the last node again, with no weight
    filled_nodes = [_filled(row, longest, row[-1]) for row in nodes]
    filled_weights = [_filled(row, longest, 0.0) for row in weights]
    return Quadrature(np.stack(filled_nodes), np.stack(filled_weights))


def _filled(row: np.ndarray, length: int, value: float) -> np.ndarray:
    missing = length - len(row)
    return np.pad(row, (0, missing), constant_values=value)


def density(
    found: Quadrature, points: int = 1000, variance: float = 1e-4, margin: float = 0.01
) -> tuple[np.ndarray, np.ndarray]:
    """(grid [G], density [G]): each node a Gaussian, the mean over the starts.

    The grid should be finer than the Gaussians, of variance `variance` * max(1, range): with few
    points what lies between them is lost. The rule is that of PyHessian and spectral-density.
    """
    low = found.nodes.min(1).mean() - margin
    high = found.nodes.max(1).mean() + margin
    grid = np.linspace(low, high, points)
    width = variance * max(1.0, high - low)
    curve = np.zeros(points)
    for nodes, weights in zip(found.nodes, found.weights):
        distances = grid[:, None] - nodes  # [G, k]
        exponents = -(distances**2) / (2 * width)
        # the factor of a Gaussian is left out: the area is made 1 below
        bells = np.exp(exponents)
        curve += bells @ weights
    spacing = grid[1] - grid[0]
    area = curve.sum() * spacing
    return grid, curve / area
