"""Balanced sampling: rare classes are shown more often than they occur.

With balance b an epoch of N examples shows a class of n_c examples in proportion to n_c^(1 - b): as
they come (b = 0), every class equally often (b = 1), square-root sampling between them (b = 0.5;
Kang et al. 2020, arXiv:1910.09217). What an epoch shows is a function of (seed, epoch) alone.

Shapes: N examples, K classes.
"""

import functools

import numpy as np

BALANCED = 3  # the part of a seed that says what it is for, see `effjax.data.order`


class BalancedOrder:
    """epoch -> the rows that it shows, int [N].

    Args:
      labels: int [N].
      balance: b, 0 to 1.
      seed: of the run.
    """

    def __init__(self, labels: np.ndarray, balance: float, seed: int):
        self._seed = seed
        self._members = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        sizes = np.array([len(members) for members in self._members])
        self._shown = shown_in_epoch(sizes, balance)

    @functools.lru_cache(maxsize=4)  # noqa: B019  one of these lives as long as its run
    def __call__(self, epoch: int) -> np.ndarray:
        rng = np.random.default_rng((self._seed, BALANCED, epoch))
        rows = []
        for members, count in zip(self._members, self._shown.tolist()):
            whole, rest = divmod(count, len(members))
            # every example as often as the others, up to once
            rows.append(np.tile(members, whole))
            rows.append(rng.permutation(members)[:rest])
        return rng.permutation(np.concatenate(rows))


def shown_in_epoch(sizes: np.ndarray, balance: float) -> np.ndarray:
    """How often an epoch shows each class, int [K]; together as many as there are examples.

    Args:
      sizes: of the classes, int [K], none of them 0.
      balance: 0 to 1.
    """
    total = int(sizes.sum())
    weights = sizes ** (1.0 - balance)
    exact = total * weights / weights.sum()
    shown = np.floor(exact).astype(int)
    # what rounding leaves over goes to the classes that lost most by it
    order = np.argsort(shown - exact, kind="stable")
    missing = total - shown.sum()
    shown[order[:missing]] += 1
    return shown
