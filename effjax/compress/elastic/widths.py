"""Which channels a narrow layer keeps: the first ones, in the order of their importance.

Shapes: N channels, of which narrower layers keep the first ones.
"""

import itertools
from collections.abc import Sequence

import numpy as np


def make_divisible(
    value: float,
    divisor: int,
) -> int:
    """The multiple of `divisor` that is nearest to a width, and not below 90 % of it."""
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    if rounded < 0.9 * value:
        rounded += divisor
    return rounded


def order_of(
    importance: np.ndarray,
    kept: Sequence[int] = (),
) -> np.ndarray:
    """The channels [N] from the most important one on.

    Args:
      importance: of each channel, [N].
      kept: widths that stay what they are: each keeps its set of channels, so that narrow networks
        that were trained already go on; sorted is between two of them.
    """
    count = len(importance)
    ends = [0, *sorted(width for width in kept if width < count), count]
    found = []
    for start, end in itertools.pairwise(ends):
        # stable: equal channels stay as they were
        order = np.argsort(-importance[start:end], kind="stable")
        found.append(start + order)
    return np.concatenate(found)


def ranks_of(order: np.ndarray) -> np.ndarray:
    """For each channel its place in an order, [N]: a width keeps those whose rank is below it."""
    ranks = np.empty(len(order), np.int32)
    ranks[order] = np.arange(len(order))
    return ranks
