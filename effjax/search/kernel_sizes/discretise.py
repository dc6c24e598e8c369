"""From soft sizes to odd ones, and from too large a cost to the budget.

The energy rule looks at the masked kernel itself: a small mask and a large weight can make up for
each other, so what the soft size says alone may cut off taps that still carry signal.
"""

from collections.abc import Callable, Sequence

import numpy as np

from effjax.search.kernel_sizes.sites import Site

DISCARDED = 0.01  # the share of a kernel's energy that the energy rule may leave out


def ring_energies(
    site: Site,
    kernel: np.ndarray,
) -> list[np.ndarray]:
    """For each size of a site the share of ||m w||^2 in each ring, [R], from the middle outwards.

    `kernel` is the masked kernel [I, J, ...].
    """
    squares = np.square(np.asarray(kernel, np.float64))
    taps = squares.reshape(*squares.shape[:2], -1).sum(-1)  # [I, J]
    # a kernel of zeros then has all of its energy in the middle, and no share is 0 / 0
    middle = tuple(side // 2 for side in taps.shape)
    taps[middle] += np.finfo(np.float64).tiny
    total = taps.sum()
    shares = []
    for rings, largest in zip(site.rings(), site.largest):
        count = (largest + 1) // 2
        energies = [taps[rings == ring].sum() for ring in range(count)]
        shares.append(np.asarray(energies) / total)
    return shares


def energy_sizes(
    energies: Sequence[np.ndarray],
    discarded: float = DISCARDED,
) -> list[int]:
    """For each size the smallest odd one that leaves out at most a share `discarded`."""
    # a height and a width share what may be lost
    share = discarded / max(1, len(energies))
    sizes = []
    for rings in energies:
        outside = 1 - np.cumsum(rings)  # of a window that ends with each ring
        # the sum of all shares may round to just below 1
        is_enough = outside <= share + 1e-12
        smallest_ring = int(np.argmax(is_enough))
        sizes.append(2 * smallest_ring + 1)
    return sizes


def repair(
    sizes: Sequence[int],
    worth: Sequence[np.ndarray],
    exact: Callable[[Sequence[int]], float],
    budget: float,
    soft: Sequence[float] | None = None,
) -> list[int]:
    """The sizes, changed ring by ring until they cost at most `budget` and use it.

    While they cost too much, the ring goes that is worth least for its cost; then rings come back,
    those worth most for their cost first, while they fit. Rings worth nothing, where the mask was
    zero, stay out; or, with `soft` sizes, they follow, those first that the soft sizes are nearest
    to.

    Args:
      sizes: [S], odd.
      worth: for each size what its rings are worth, [R]: shares of its kernel's energy, or masks.
      exact: the cost of sizes.
      budget: at most this; at least the cost of sizes of 1.
      soft: [S], real-valued.
    """
    fitting = _shrink([int(size) for size in sizes], worth, exact, budget)
    return _grow(fitting, worth, exact, budget, soft)


def _shrink(
    sizes: list[int],
    worth: Sequence[np.ndarray],
    exact: Callable[[Sequence[int]], float],
    budget: float,
) -> list[int]:
    """Takes rings away, the one that is worth least for its cost first, until the budget is met."""
    while (cost := exact(sizes)) > budget:
        rates = {}
        for n, size in enumerate(sizes):
            if size == 1:
                continue
            saved = cost - exact(_resized(sizes, n, -2))
            # a ring that costs nothing cannot help, whatever it is worth
            if saved > 0:
                outermost = (size - 1) // 2
                rates[n] = worth[n][outermost] / saved
        if not rates:
            raise ValueError(f"sizes of 1 cost {cost}, more than the budget of {budget}")
        sizes = _resized(sizes, min(rates, key=rates.get), -2)
    return sizes


def _grow(
    sizes: list[int],
    worth: Sequence[np.ndarray],
    exact: Callable[[Sequence[int]], float],
    budget: float,
    soft: Sequence[float] | None,
) -> list[int]:
    """Gives rings back, the one that is worth most for its cost first, while they fit."""
    while True:
        cost = exact(sizes)
        rates = {}
        for n, size in enumerate(sizes):
            next_ring = (size + 1) // 2
            if next_ring == len(worth[n]):
                continue
            grown = exact(_resized(sizes, n, 2))
            if grown > budget:
                continue
            rate = worth[n][next_ring] / max(grown - cost, 1e-12)
            if soft is not None:
                # rings worth nothing tie, and the soft size decides
                rates[n] = (rate, soft[n] - size)
            elif rate > 0:
                rates[n] = (rate, 0.0)
        if not rates:
            return sizes
        sizes = _resized(sizes, max(rates, key=rates.get), 2)


def _resized(
    sizes: list[int],
    n: int,
    change: int,
) -> list[int]:
    """The sizes with another one at place n."""
    return [*sizes[:n], sizes[n] + change, *sizes[n + 1 :]]
