"""Scores of samples against real examples, in any feature space. NumPy, float64, on the host.

None of these is FID unless the features are Inception's. Shapes: n, m examples, D features,
K classes.
"""

import dataclasses
import math

import numpy as np

Features = np.ndarray  # [n, D]


@dataclasses.dataclass(frozen=True)
class Moments:
    """Mean [D] and covariance [D, D] (with n - 1) of n features."""

    mean: np.ndarray
    covariance: np.ndarray
    count: int


def moments(features: Features) -> Moments:
    """Of features [n, D]."""
    features = np.asarray(features, np.float64)
    covariance = np.atleast_2d(np.cov(features, rowvar=False))
    return Moments(features.mean(0), covariance, len(features))


def frechet(one: Moments, other: Moments) -> float:
    """The Frechet distance of two normal distributions, |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2).

    The root's trace is that of (C1^1/2 C2 C1^1/2)^1/2: real, and sound for singular covariances.
    Two samples of n from one normal in D dimensions are about (D^2 + 5 D) / (2 n) apart.
    """
    values, vectors = np.linalg.eigh(one.covariance)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ other.covariance @ root)
    trace = np.sqrt(np.maximum(inner, 0)).sum()
    distance = np.square(one.mean - other.mean).sum()
    return float(distance + np.trace(one.covariance) + np.trace(other.covariance) - 2 * trace)


def kernel_distance(one: Features, other: Features) -> float:
    """The unbiased squared distance with the cubic kernel (x.y / D + 1)^3, as KID has it."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)

    def kernel(a: Features, b: Features) -> np.ndarray:
        return (a @ b.T / a.shape[1] + 1) ** 3

    def mean_of_pairs(x: Features) -> float:
        matrix = kernel(x, x)
        count = len(x)
        return (matrix.sum() - np.trace(matrix)) / (count * (count - 1))

    return float(mean_of_pairs(one) + mean_of_pairs(other) - 2 * kernel(one, other).mean())


def cmmd(one: Features, other: Features, width: float = 10.0, scale: float = 1000.0) -> float:
    """The biased distance with a Gaussian kernel, https://arxiv.org/abs/2401.09603."""

    def mean_kernel(a: Features, b: Features) -> float:
        return float(np.exp(-squared_distances(a, b) / (2 * width**2)).mean())

    distance = mean_kernel(one, one) + mean_kernel(other, other) - 2 * mean_kernel(one, other)
    return scale * distance


def inception_score(logits: np.ndarray, split: int | None = None) -> float:
    """exp of the mean KL between each example's classes and their mean, [n, K] logits.

    Args:
      split: mean over consecutive splits of so many examples; None: one split.
    """
    logits = np.asarray(logits, np.float64)
    shifted = logits - logits.max(-1, keepdims=True)
    shares = np.exp(shifted)
    shares /= shares.sum(-1, keepdims=True)
    size = split or len(shares)
    values = []
    for start in range(0, len(shares), size):
        part = shares[start : start + size]
        marginal = part.mean(0, keepdims=True)
        divergence = (part * (np.log(part) - np.log(marginal))).sum(-1)
        values.append(math.exp(divergence.mean()))
    return float(np.mean(values))


def squared_distances(one: Features, other: Features) -> np.ndarray:
    """[n, m], none below 0."""
    one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
    squares = np.square(one).sum(1)[:, None] + np.square(other).sum(1)[None]
    return np.maximum(squares - 2 * one @ other.T, 0)


def neighbour_radii(features: Features, neighbours: int = 3) -> np.ndarray:
    """[n]: squared distance of each example to its k-th neighbour; itself is the 0th."""
    distances = squared_distances(features, features)
    return np.partition(distances, neighbours, axis=1)[:, neighbours]


@dataclasses.dataclass(frozen=True)
class Manifold:
    """How samples and real examples cover each other.

    Attributes:
      precision, recall: shares of samples inside the real manifold, and the other way round.
      density, coverage: how many real neighbourhoods a sample lies in; the share of real examples
        with a sample in their neighbourhood. Sturdier against outliers.
    """

    precision: float
    recall: float
    density: float
    coverage: float


def manifold(real: Features, samples: Features, neighbours: int = 3) -> Manifold:
    """https://arxiv.org/abs/1904.06991 and https://arxiv.org/abs/2002.09797."""
    between = squared_distances(real, samples)  # [n, m]
    real_radii = neighbour_radii(real, neighbours)[:, None]
    sample_radii = neighbour_radii(samples, neighbours)[None]
    inside_real = between <= real_radii
    inside_samples = between <= sample_radii
    return Manifold(
        precision=float(inside_real.any(0).mean()),
        recall=float(inside_samples.any(1).mean()),
        density=float(inside_real.sum(0).mean() / neighbours),
        coverage=float(inside_real.any(1).mean()),
    )


def nearest(samples: Features, known: Features) -> tuple[np.ndarray, np.ndarray]:
    """(row of `known` nearest to each sample, the distance to it)."""
    distances = squared_distances(samples, known)
    rows = distances.argmin(1)
    return rows, np.sqrt(distances[np.arange(len(rows)), rows])
