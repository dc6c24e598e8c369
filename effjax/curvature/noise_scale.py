"""The gradient-noise scale: how large a batch has to be before its gradient is mostly signal.

McCandlish, Kaplan, Amodei: An empirical model of large-batch training, 2018.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class NoiseScale(NamedTuple):
    """tr(covariance of one example's gradient), |mean gradient|^2, and their ratio in examples."""

    noise: float
    signal: float
    scale: float


def exact_noise_scale(gradients: np.ndarray) -> NoiseScale:
    """From the gradients [N, M] of all examples."""
    mean = gradients.mean(0)
    noise = float(((gradients - mean) ** 2).sum() / (len(gradients) - 1))
    signal = float((mean**2).sum())
    return NoiseScale(noise, signal, noise / signal)


def noise_scale(
    small_squares: Sequence[float] | float,
    large_squares: Sequence[float] | float,
    small: int,
    large: int,
) -> NoiseScale:
    """From squared gradient norms of batches of two sizes, such as a batch's parts and the whole.

    Numerator and denominator are averaged over all that is given before they are divided: the
    ratio of a single step is biased, and may be negative.

    Args:
      small_squares: |g|^2 of batches of `small` examples.
      large_squares: |g|^2 of batches of `large` examples.

    Raises:
      ValueError: `small` is not less than `large`.
    """
    if small >= large:
        raise ValueError(f"expected fewer examples in the small batch, got {small} and {large}")
    of_small = float(np.mean(small_squares))
    of_large = float(np.mean(large_squares))
    signal = (large * of_large - small * of_small) / (large - small)
    noise = (of_small - of_large) / (1 / small - 1 / large)
    return NoiseScale(noise, signal, noise / signal)
