"""Regressions that say how sure they are, and the improvement that one may expect of a point.

Shapes: n points that are known, m that are asked about, D entries of a code.
"""

import dataclasses
import math

import numpy as np

# length scales and noises that a Gaussian process is tried with, in units of the data's own
LENGTHS = (0.25, 0.5, 1.0, 2.0, 4.0)
NOISES = (1e-4, 1e-2, 1e-1)
# precisions of weights and of noise that a linear regression is tried with
PRECISIONS = (0.01, 0.1, 1.0, 10.0)
NOISE_PRECISIONS = (1.0, 10.0, 100.0, 1000.0)
ROUNDING = 1e-12


@dataclasses.dataclass(frozen=True)
class Linear:
    """Bayesian linear regression on [x, 1], with weights ~ N(0, 1 / alpha), noise ~ N(0, 1 / beta).

        S^-1 = beta Phi^T Phi + alpha I,  m = beta S Phi^T y

    Attributes:
      weights: m [D + 1].
      covariance: S [D + 1, D + 1].
      alpha, beta: precisions.
      evidence: the logarithm of the likelihood of what is known.
    """

    weights: np.ndarray
    covariance: np.ndarray
    alpha: float
    beta: float
    evidence: float

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean [m] and variance [m] at the codes [m, D]."""
        phi = with_ones(x)
        spread = np.einsum("md,de,me->m", phi, self.covariance, phi)
        return phi @ self.weights, 1 / self.beta + spread


def fit_linear(
    x: np.ndarray,
    y: np.ndarray,
    alpha: float,
    beta: float,
) -> Linear:
    """The regression of values [n] on codes [n, D] with given precisions."""
    phi = with_ones(x)
    n, d = phi.shape
    precision = beta * phi.T @ phi + alpha * np.eye(d)
    covariance = np.linalg.inv(precision)
    weights = beta * covariance @ phi.T @ y
    residual = y - phi @ weights
    evidence = _evidence_without_residual(precision, weights, n, alpha, beta)
    evidence -= beta / 2 * float(residual @ residual)
    return Linear(weights, covariance, alpha, beta, evidence)


def published_evidence(
    x: np.ndarray,
    y: np.ndarray,
    alpha: float,
    beta: float,
) -> float:
    """The evidence as arch2vec's code has it, for comparison only.

    Its residual norm is not squared, and prior densities are added in the place of their logarithms
    (https://github.com/MSU-MLSys-Lab/arch2vec).
    """
    fitted = fit_linear(x, y, alpha, beta)
    phi = with_ones(x)
    precision = np.linalg.inv(fitted.covariance)
    residual = y - phi @ fitted.weights
    evidence = _evidence_without_residual(precision, fitted.weights, len(phi), alpha, beta)
    evidence -= beta / 2 * float(np.linalg.norm(residual))
    priors = normal_density(np.log(alpha)) + normal_density(np.log(beta))
    return evidence + float(priors)


def _evidence_without_residual(
    precision: np.ndarray,
    weights: np.ndarray,
    n: int,
    alpha: float,
    beta: float,
) -> float:
    d = len(weights)
    _, log_determinant = np.linalg.slogdet(precision)
    evidence = d / 2 * math.log(alpha) + n / 2 * math.log(beta)
    evidence -= n / 2 * math.log(2 * math.pi)
    evidence -= alpha / 2 * float(weights @ weights)
    return evidence - log_determinant / 2


def with_ones(x: np.ndarray) -> np.ndarray:
    """[n, D] -> [n, D + 1]: a constant feature."""
    return np.concatenate([x, np.ones((len(x), 1))], axis=1)


@dataclasses.dataclass(frozen=True)
class Process:
    """A Gaussian process with the kernel exp(-|x - x'|^2 / (2 l^2)) and unit variance.

    Attributes:
      x: the codes that are known [n, D].
      lower: the Cholesky factor of their covariance [n, n].
      solved: covariance^-1 y [n].
      length: l.
      noise: the variance of the values.
      evidence: the logarithm of the likelihood of what is known.
    """

    x: np.ndarray
    lower: np.ndarray
    solved: np.ndarray
    length: float
    noise: float
    evidence: float

    def predict(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean [m] and variance [m] at the codes [m, D]."""
        between = _kernel(x, self.x, self.length)  # [m, n]
        solved = np.linalg.solve(self.lower, between.T)  # [n, m]
        variance = 1 + self.noise - (solved**2).sum(0)
        return between @ self.solved, np.maximum(variance, ROUNDING)


def fit_process(
    x: np.ndarray,
    y: np.ndarray,
    length: float,
    noise: float,
) -> Process:
    """The process of values [n] at codes [n, D]."""
    covariance = _kernel(x, x, length) + noise * np.eye(len(x))
    lower = np.linalg.cholesky(covariance)
    solved = np.linalg.solve(lower.T, np.linalg.solve(lower, y))
    evidence = -float(y @ solved) / 2 - float(np.log(np.diag(lower)).sum())
    evidence -= len(y) / 2 * math.log(2 * math.pi)
    return Process(x, lower, solved, length, noise, evidence)


def _kernel(
    x: np.ndarray,
    other: np.ndarray,
    length: float,
) -> np.ndarray:
    squared = (x**2).sum(1)[:, None] + (other**2).sum(1)[None] - 2 * x @ other.T
    return np.exp(-np.maximum(squared, 0) / (2 * length**2))


def best_process(
    x: np.ndarray,
    y: np.ndarray,
) -> Process:
    """The process with the greatest evidence over a grid of lengths and noises."""
    # lengths are in units of a typical distance
    spread = math.sqrt(max(2 * float(x.var(0).sum()), ROUNDING))
    found = []
    for length in LENGTHS:
        for noise in NOISES:
            found.append(fit_process(x, y, spread * length, noise))
    return max(found, key=lambda process: process.evidence)


def best_linear(
    x: np.ndarray,
    y: np.ndarray,
) -> Linear:
    """The linear regression with the greatest evidence over a grid of precisions."""
    found = []
    for alpha in PRECISIONS:
        for beta in NOISE_PRECISIONS:
            found.append(fit_linear(x, y, alpha, beta))
    return max(found, key=lambda fitted: fitted.evidence)


# ------------------------------------------------------------------------------- improvements


def normal_density(u: np.ndarray | float) -> np.ndarray:
    """phi(u)."""
    return np.exp(-np.square(u) / 2) / math.sqrt(2 * math.pi)


def normal_share(u: np.ndarray) -> np.ndarray:
    """Phi(u)."""
    return np.asarray([0.5 * math.erfc(-float(value) / math.sqrt(2)) for value in np.ravel(u)])


def expected_improvement(
    mean: np.ndarray,
    deviation: np.ndarray,
    best: float,
) -> np.ndarray:
    """E max(y - best, 0) [m] of y ~ N(mean, deviation^2)."""
    u = (mean - best) / deviation
    return deviation * (normal_density(u) + u * normal_share(u))


def published_improvement(
    mean: np.ndarray,
    variance: np.ndarray,
    paper: str,
) -> np.ndarray:
    """The improvement as the code of "arch2vec" or "cate" has it, for comparison only.

    The variance stands where the deviation belongs, the best value is a constant, and CATE's has a
    stray 1.
    """
    best = {"arch2vec": 0.95, "cate": 1.0}[paper]
    stray = {"arch2vec": 0.0, "cate": 1.0}[paper]
    u = (mean - best) / variance
    return variance * (u * normal_share(u) + stray + normal_density(u))
