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
    mean = features.mean(axis=0)
    covariance = np.cov(features, rowvar=False)
    # of one feature NumPy gives a number
    covariance = np.atleast_2d(covariance)
    return Moments(mean, covariance, len(features))


def frechet(one: Moments, other: Moments) -> float:
    """The Frechet distance of two normal distributions, |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2).

    The root's trace is that of (C1^1/2 C2 C1^1/2)^1/2: real, and sound for singular covariances.
    Two samples of n from one normal in D dimensions are about (D^2 + 5 D) / (2 n) apart.
    """
    values, vectors = np.linalg.eigh(one.covariance)
    # rounding may put an eigenvalue of 0 below it
    deviations = np.sqrt(np.maximum(values, 0))
    root = (vectors * deviations) @ vectors.T
    inner = np.linalg.eigvalsh(root @ other.covariance @ root)
    root_trace = np.sqrt(np.maximum(inner, 0)).sum()
    distance = np.square(one.mean - other.mean).sum()
    own_trace = np.trace(one.covariance)
    other_trace = np.trace(other.covariance)
    return float(distance + own_trace + other_trace - 2 * root_trace)


def kernel_distance(one: Features, other: Features) -> float:
    """The unbiased squared distance with the cubic kernel (x.y / D + 1)^3, as KID has it."""
    one = np.asarray(one, np.float64)
    other = np.asarray(other, np.float64)
    dims = one.shape[1]

    def kernel(a: Features, b: Features) -> np.ndarray:
        product = a @ b.T / dims
        return (product + 1) ** 3

    def mean_of_pairs(x: Features) -> float:
        # without the pairs of an example and itself, which would bias the mean
        matrix = kernel(x, x)
        total = matrix.sum() - np.trace(matrix)
        count = len(x)
        return total / (count * (count - 1))

    within = mean_of_pairs(one) + mean_of_pairs(other)
    between = kernel(one, other).mean()
    return float(within - 2 * between)


def cmmd(one: Features, other: Features, width: float = 10.0, scale: float = 1000.0) -> float:
    """The biased distance with a Gaussian kernel, https://arxiv.org/abs/2401.09603."""

    def mean_kernel(a: Features, b: Features) -> float:
        exponents = -squared_distances(a, b) / (2 * width**2)
        return float(np.exp(exponents).mean())

    within = mean_kernel(one, one) + mean_kernel(other, other)
    between = mean_kernel(one, other)
    distance = within - 2 * between
    return scale * distance


def inception_score(logits: np.ndarray, split: int | None = None) -> float:
    """exp of the mean KL between each example's classes and their mean, [n, K] logits.

    Args:
      split: mean over consecutive splits of so many examples; None: one split.
    """
    logits = np.asarray(logits, np.float64)
    # softmax; the shift keeps exp from overflowing
    shifted = logits - logits.max(axis=-1, keepdims=True)
    shares = np.exp(shifted)
    shares /= shares.sum(axis=-1, keepdims=True)
    size = split or len(shares)
    values = []
    for start in range(0, len(shares), size):
        part = shares[start : start + size]
        marginal = part.mean(axis=0, keepdims=True)
        log_ratio = np.log(part) - np.log(marginal)
        divergence = (part * log_ratio).sum(axis=-1)
        values.append(math.exp(divergence.mean()))
    return float(np.mean(values))


def squared_distances(one: Features, other: Features) -> np.ndarray:
    """[n, m], none below 0."""
    one = np.asarray(one, np.float64)
    other = np.asarray(other, np.float64)
    # |a - b|^2 = |a|^2 + |b|^2 - 2 a.b, without an array [n, m, D]
    one_squares = np.square(one).sum(axis=1)
    other_squares = np.square(other).sum(axis=1)
    squares = one_squares[:, None] + other_squares[None]
    distances = squares - 2 * one @ other.T
    return np.maximum(distances, 0)


def neighbour_radii(features: Features, neighbours: int = 3) -> np.ndarray:
    """[n]: squared distance of each example to its k-th neighbour; itself is the 0th.

    There must be more than `neighbours` examples; NumPy refuses fewer with a ValueError.
    """
    distances = squared_distances(features, features)
    ordered = np.partition(distances, neighbours, axis=1)
    return ordered[:, neighbours]


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
    """How well m samples cover n real examples, both in one feature space.

    Precision and recall: https://arxiv.org/abs/1904.06991; density and coverage:
    https://arxiv.org/abs/2002.09797.
    """
    between = squared_distances(real, samples)  # [n, m]
    real_radii = neighbour_radii(real, neighbours)[:, None]
    sample_radii = neighbour_radii(samples, neighbours)[None]
    inside_real = between <= real_radii
    inside_samples = between <= sample_radii
    # over axis 0 for each sample, over axis 1 for each real example
    precision = inside_real.any(axis=0).mean()
    recall = inside_samples.any(axis=1).mean()
    density = inside_real.sum(axis=0).mean() / neighbours
    coverage = inside_real.any(axis=1).mean()
    return Manifold(
        precision=float(precision),
        recall=float(recall),
        density=float(density),
        coverage=float(coverage),
    )


def nearest(samples: Features, known: Features) -> tuple[np.ndarray, np.ndarray]:
    """(row of `known` nearest to each sample, the distance to it)."""
    distances = squared_distances(samples, known)
    rows = distances.argmin(axis=1)
    least = distances.min(axis=1)
    return rows, np.sqrt(least)
