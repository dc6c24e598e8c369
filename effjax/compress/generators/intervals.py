"""Which times of a diffusion one network may serve: intervals of times that are alike.

DiffPruning, Ganjdanesh et al. 2024, https://arxiv.org/abs/2409.15557, has one network for each
interval. No code is published and the text was not at hand: the cost of an interval, and its exact
minimum, are ours.
Shapes: N times, k intervals.
"""

from typing import NamedTuple

import numpy as np

from effjax.errors import UserError


class Intervals(NamedTuple):
    """Neighbouring times in k groups.

    Attributes:
      starts: [k] int, the first time of each interval; the first is 0.
      cost: the sum over intervals of what `interval_costs` says.
    """

    starts: tuple[int, ...]
    cost: float


def interval_costs(similarity: np.ndarray) -> np.ndarray:
    """[N, N + 1]: at (i, j) the cost of the times i to j - 1 as one interval; infinite if empty.

    The cost is the sum of 1 - similarity over all pairs inside, divided by the number of times.

    Args:
      similarity: [N, N].
    """
    count = len(similarity)
    unlike = 1 - np.asarray(similarity, np.float64)
    # sums over the rectangles that begin at (0, 0)
    corner = np.zeros((count + 1, count + 1))
    corner[1:, 1:] = unlike.cumsum(0).cumsum(1)
    costs = np.full((count, count + 1), np.inf)
    for i in range(count):
        for j in range(i + 1, count + 1):
            inside = corner[j, j] - corner[i, j] - corner[j, i] + corner[i, i]
            costs[i, j] = inside / (j - i)
    return costs


def best_intervals(similarity: np.ndarray, count: int) -> Intervals:
    """The division of N times into `count` intervals of least cost, by dynamic programming.

    Args:
      similarity: [N, N].
      count: k.

    Raises:
      UserError: more intervals than times, or none.
    """
    times = len(similarity)
    if not 1 <= count <= times:
        raise UserError(f"{count} intervals of {times} times: expected 1 to {times}")
    costs = interval_costs(similarity)
    # best[j]: the least cost of the first j times; before any interval only 0 times are served
    best = np.full(times + 1, np.inf)
    best[0] = 0.0
    begins = []
    for _ in range(count):
        # at (i, j): the first i times as before, the times i to j - 1 as a further interval
        totals = best[:-1, None] + costs
        begins.append(totals.argmin(axis=0))
        best = totals.min(axis=0)
    starts = []
    end = times
    for chosen in reversed(begins):
        end = int(chosen[end])
        starts.append(end)
    return Intervals(tuple(reversed(starts)), float(best[times]))


def cosines(gradients: np.ndarray) -> np.ndarray:
    """[N, N]: cosines of the gradients [N, P] of N times."""
    length = np.linalg.norm(gradients, axis=1, keepdims=True)
    unit = gradients / np.maximum(length, 1e-30)
    return unit @ unit.T
