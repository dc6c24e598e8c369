"""What theory says exactly: stationary variances, contractions, stability, gaps.

All of least squares or quadratics with eigenvalue `curvature` and learning rate `rate`.
"""

import numpy as np


def heavy_ball_variance(curvature: float, rate: float, momentum: float = 0.0) -> float:
    """Of x under v = momentum v + curvature x + noise, x -= rate v, noise of variance 1."""
    room = 2 * (1 + momentum) - rate * curvature
    return rate * (1 + momentum) / (curvature * (1 - momentum) * room)


def sgd_variance(curvature: float, rate: float) -> float:
    """Of x under x -= rate curvature (x - c), c drawn with variance 1 at every step."""
    return rate * curvature / (2 - rate * curvature)


def lookahead_contraction(curvature: float, rate: float, share: float, period: int) -> float:
    """The factor of the mean of the slow weights in one outer step of `period` inner steps."""
    return 1 - share + share * (1 - rate * curvature) ** period


def lookahead_variance(curvature: float, rate: float, share: float, period: int) -> float:
    """Of the slow weights, where `sgd_variance` is that of the inner steps.

    Zhang, Lucas, Hinton, Ba: Lookahead optimizer, NeurIPS 2019, Proposition 2. It is below that of
    SGD for every share below 1.
    """
    r = 1 - rate * curvature
    inner = share**2 * (1 - r ** (2 * period))
    mixed = 2 * share * (1 - share) * (1 - r**period)
    return sgd_variance(curvature, rate) * inner / (inner + mixed)


def leave_one_out(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """[n]: residuals of ridge regression at examples that it has not seen, e / (1 - H_ii).

    Args:
      x, y: [n, d], [n]; the loss is mean((x w - y)^2)/2 + penalty |w|^2/2.
    """
    hat = hat_matrix(x, penalty)
    return (y - hat @ y) / (1 - np.diag(hat))


def hat_matrix(x: np.ndarray, penalty: float) -> np.ndarray:
    """[n, n]: H with H y the fit of ridge regression."""
    n, d = x.shape
    return x @ np.linalg.solve(x.T @ x + n * penalty * np.eye(d), x.T)


def least_squares_errors(examples: int, dims: int, noise: float) -> tuple[float, float]:
    """(expected squared error on the training examples, on fresh normal ones) of least squares.

    Raises:
      ValueError: too few examples: the error on fresh ones is infinite.
    """
    if examples < dims + 2:
        raise ValueError(f"{dims} dimensions need {dims + 2} examples, got {examples}")
    train = noise**2 * (1 - dims / examples)
    test = noise**2 * (1 + dims / (examples - dims - 1))
    return train, test
