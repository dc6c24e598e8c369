"""The tail index of gradient noise, as published, and the control without which it says little.

The published estimator (Mohammadi, Mohammadpour, Ogata 2015, Corollary 2.4; used by Simsekli et
al. 2019 and by Zhou et al. 2020 for SGD against Adam) puts all coordinates of all minibatches into
one sample and sums neighbours. Exactly Gaussian noise whose coordinates differ in scale or are
correlated is then found to have an index far below 2. `gaussian_control` draws Gaussian noise with
the measured covariance: where it gives the same number, there is no evidence of heavy tails.

Shapes: P minibatches, M coordinates.
"""

import math
from typing import NamedTuple

import numpy as np


class Tails(NamedTuple):
    """One number as measured, and as Gaussian noise of the same covariance gives it.

    Attributes:
      measured: the index.
      control: its mean over the draws of the control.
      control_error: the standard deviation over these draws.
    """

    measured: float
    control: float
    control_error: float


def block_size(count: int) -> int:
    """The largest divisor of `count` up to its root, as published; 1 for a prime number."""
    for size in range(math.isqrt(count), 0, -1):
        if count % size == 0:
            return size
    return 1


def tail_index(values: np.ndarray, size: int) -> float:
    """1/alpha = (mean log |sum of `size` consecutive ones| - mean log |one|) / log size.

    Args:
      values: [N], or [N, d]: vectors by their norms. What is left over beside whole blocks is
        not used.
      size: of a block, at least 2.

    Raises:
      ValueError: a block of one value, which says nothing.
    """
    logs, sums = _logs(values, size)
    rise = sums.mean() - logs.mean()
    return math.log(size) / rise


def tail_index_by_rank(values: np.ndarray, size: int, rank: int) -> float:
    """The same from the `rank`-th smallest block and the `rank` * `size`-th smallest value.

    Mohammadi, Mohammadpour, Ogata 2015, Corollary 2.2.
    """
    logs, sums = _logs(values, size)
    logs.sort()
    sums.sort()
    # the same quantile of both
    of_value = logs[size * rank - 1]
    of_block = sums[rank - 1]
    rise = of_block - of_value
    return math.log(size) / rise


def _logs(values: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(log |values|, log |sums of blocks|)."""
    if size < 2:
        raise ValueError("a block needs two values or more: take another number of them")
    values = np.asarray(values, np.float64)
    vectors = values.reshape(len(values), -1)
    vectors, sums = _blocks(vectors, size)
    return _log_norm(vectors), _log_norm(sums)


def _blocks(rows: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(rows [n, d] of whole blocks, sums [n / size, d] of consecutive ones)."""
    count = len(rows) // size
    whole = rows[: count * size]
    blocks = whole.reshape(count, size, -1)
    return whole, blocks.sum(1)


def _log_norm(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=-1)
    return _log(lengths)


def _log(lengths: np.ndarray) -> np.ndarray:
    # the published code adds the spacing of 1, so that 0 has a logarithm
    return np.log(lengths + np.spacing(1.0))


def pooled_index(noise: np.ndarray) -> float:
    """The published number: all coordinates of [P, M] centred noise as one sample."""
    flat = np.asarray(noise, np.float64).ravel()
    return tail_index(flat, block_size(len(flat)))


def index_along_batches(noise: np.ndarray, size: int | None = None) -> float:
    """The same estimator along the minibatches of each coordinate of [P, M].

    Logs are averaged over the coordinates, not the indices. Scales and correlation of coordinates
    do not enter.
    """
    noise = np.asarray(noise, np.float64)
    size = size or block_size(len(noise))
    if size < 2:
        raise ValueError(f"{len(noise)} minibatches make no blocks: take 100 of them")
    singles, sums = _blocks(noise, size)
    of_value = _log(np.abs(singles))
    of_block = _log(np.abs(sums))
    rise = of_block.mean() - of_value.mean()
    return math.log(size) / rise


def gaussian_control(noise: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gaussian noise [P, M] with the covariance of [P, M] centred noise: random combinations."""
    batches = len(noise)
    mixing = rng.standard_normal((batches, batches))
    # rows of variance 1 in all
    mixing /= math.sqrt(batches)
    return mixing.astype(noise.dtype) @ noise


def kurtosis_along_batches(noise: np.ndarray) -> float:
    """The mean over coordinates of the fourth moment over the squared second: 3 if Gaussian."""
    noise = np.asarray(noise, np.float64)
    squares = (noise**2).mean(0)
    fourth = (noise**4).mean(0)
    alive = squares > 0
    ratios = fourth[alive] / squares[alive] ** 2
    return float(ratios.mean())


def alive_coordinates(gradients: np.ndarray, share: float = 0.5) -> np.ndarray:
    """[M] bool: coordinates of [P, M] that are not 0 in more than this share of the minibatches.

    A dead ReLU is an atom at 0, whose logarithm wrecks every mean of logarithms.
    """
    is_zero = np.asarray(gradients) == 0
    return is_zero.mean(0) <= share


def with_control(
    noise: np.ndarray,
    index: str,
    rng: np.random.Generator,
    draws: int = 3,
) -> Tails:
    """An index of [P, M] centred noise beside its control.

    Args:
      index: "pooled" or "along batches".
      draws: of the control.
    """
    measures = {
        "pooled": pooled_index,
        "along batches": index_along_batches,
    }
    measure = measures[index]
    controls = []
    for _ in range(draws):
        control = gaussian_control(noise, rng)
        # centred as the noise is, which makes the minibatches of a block less alike
        controls.append(measure(control - control.mean(0)))
    return Tails(
        measured=measure(noise),
        control=float(np.mean(controls)),
        control_error=float(np.std(controls)),
    )
