"""What theory says exactly: stationary variances, contractions, stability, gaps.

All of least squares or quadratics with eigenvalue `curvature` and learning rate `rate`.
"""

import numpy as np


def heavy_ball_variance(curvature: float, rate: float, momentum: float = 0.0) -> float:
    """Of x under v = momentum v + curvature x + noise, x -= rate v, noise of variance 1."""
    # what is left until the method diverges, which it does at 0
    room = 2 * (1 + momentum) - rate * curvature
    kept = 1 - momentum
    above = rate * (1 + momentum)
    below = curvature * kept * room
    return above / below


def sgd_variance(curvature: float, rate: float) -> float:
    """Of x under x -= rate curvature (x - c), c drawn with variance 1 at every step."""
    pull = rate * curvature
    return pull / (2 - pull)


def lookahead_contraction(
    curvature: float,
    rate: float,
    share: float,
    period: int,
) -> float:
    """The factor of the mean of the slow weights in one outer step of `period` inner steps."""
    r = 1 - rate * curvature
    # the fast weights have come so far
    fast = r**period
    return 1 - share + share * fast


def lookahead_variance(
    curvature: float,
    rate: float,
    share: float,
    period: int,
) -> float:
    """Of the slow weights, where `sgd_variance` is that of the inner steps.

    Zhang, Lucas, Hinton, Ba: Lookahead optimizer, NeurIPS 2019, Proposition 2. It is below that of
    SGD for every share below 1.
    """
    r = 1 - rate * curvature
    fast = r**period
    inner = share**2 * (1 - fast**2)
    # slow weights that are averaged with older ones vary less
    mixed = 2 * share * (1 - share) * (1 - fast)
    ratio = inner / (inner + mixed)
    return ratio * sgd_variance(curvature, rate)


def leave_one_out(x: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """[n]: residuals of ridge regression at examples that it has not seen, e / (1 - H_ii).

    Args:
      x, y: [n, d], [n]; the loss is mean((x w - y)^2)/2 + penalty |w|^2/2.
    """
    hat = hat_matrix(x, penalty)
    residuals = y - hat @ y
    leverage = np.diag(hat)
    return residuals / (1 - leverage)


def hat_matrix(x: np.ndarray, penalty: float) -> np.ndarray:
    """[n, n]: H with H y the fit of ridge regression."""
    n, d = x.shape
    # the mean over n examples is multiplied by n, and so is the penalty
    ridge = n * penalty * np.eye(d)
    gram = x.T @ x + ridge
    weights = np.linalg.solve(gram, x.T)  # [d, n]
    return x @ weights


def ridge_errors(
    x: np.ndarray,
    rule: np.ndarray,
    penalty: float,
    noise: float,
) -> tuple[float, float]:
    """(expected squared error on the training answers, on fresh ones at the same inputs).

    The gap between the two is 2 noise^2 tr(H) / n (Efron 1986).

    Args:
      x: [n, d]; the loss is mean((x w - y)^2)/2 + penalty |w|^2/2.
      rule: [d]; answers are x rule plus noise.
    """
    count = len(x)
    hat = hat_matrix(x, penalty)
    answers = x @ rule
    # what the penalty keeps from being fitted
    bias = answers - hat @ answers
    variance = noise**2 / count
    left = np.eye(count) - hat
    train = bias @ bias / count + variance * (left**2).sum()
    fresh = bias @ bias / count + variance * (count + (hat**2).sum())
    return float(train), float(fresh)


def least_squares_errors(examples: int, dims: int, noise: float) -> tuple[float, float]:
    """(expected squared error on the training examples, on fresh normal ones) of least squares.

    Raises:
      ValueError: too few examples: the error on fresh ones is infinite.
    """
    if examples < dims + 2:
        raise ValueError(f"{dims} dimensions need {dims + 2} examples, got {examples}")
    variance = noise**2
    # of the noise the fit takes a share of dims / examples into itself
    train = variance * (1 - dims / examples)
    # the mean of an inverse Wishart matrix
    spare = examples - dims - 1
    fresh = variance * (1 + dims / spare)
    return train, fresh
