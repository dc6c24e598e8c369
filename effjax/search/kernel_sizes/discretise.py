"""From soft sizes to odd ones, and from too large a cost to the budget.

The energy rule looks at the masked kernel itself: a small mask and a large weight can make up for
each other, so what the soft size says alone may cut off taps that still carry signal.
"""

from collections.abc import Callable, Sequence

import numpy as np

from effjax.search.kernel_sizes.sites import Site

DISCARDED = 0.01  # the share of a kernel's energy that the energy rule may leave out


def ring_energies(site: Site, kernel: np.ndarray) -> list[np.ndarray]:
    """For each size of a site the share of ||m w||^2 in each ring, [R], from the middle outwards.

    `kernel` is the masked kernel [I, J, ...].
    """
    taps = np.square(np.asarray(kernel, np.float64))
    taps = taps.reshape(*taps.shape[:2], -1).sum(-1)
    taps[tuple(side // 2 for side in taps.shape)] += np.finfo(np.float64).tiny  # a kernel of zeros
    total = taps.sum()
    return [
        np.asarray([taps[rings == r].sum() for r in range((largest + 1) // 2)]) / total
        for rings, largest in zip(site.rings(), site.largest)
    ]


def energy_sizes(energies: Sequence[np.ndarray], discarded: float = DISCARDED) -> list[int]:
    """For each size the smallest odd one that leaves out at most a share `discarded`."""
    share = discarded / max(1, len(energies))  # a height and a width share what may be lost
    sizes = []
    for rings in energies:
        outside = 1 - np.cumsum(rings)  # of a window that ends with each ring
        sizes.append(2 * int(np.argmax(outside <= share + 1e-12)) + 1)
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
    sizes = [int(size) for size in sizes]

    def moved(n: int, by: int) -> list[int]:
        return [*sizes[:n], sizes[n] + by, *sizes[n + 1 :]]

    while (cost := exact(sizes)) > budget:
        rates = {}
        for n, size in enumerate(sizes):
            saved = cost - exact(moved(n, -2)) if size > 1 else 0
            if saved > 0:
                rates[n] = worth[n][(size - 1) // 2] / saved
        if not rates:
            raise ValueError(f"sizes of 1 cost {cost}, more than the budget of {budget}")
        sizes = moved(min(rates, key=rates.get), -2)
    while True:
        rates = {}
        for n, size in enumerate(sizes):
            ring = (size + 1) // 2
            if ring < len(worth[n]) and (grown := exact(moved(n, 2))) <= budget:
                rate = worth[n][ring] / max(grown - cost, 1e-12)
                if rate > 0 or soft is not None:
                    rates[n] = (rate, 0.0 if soft is None else soft[n] - size)
        if not rates:
            return sizes
        sizes = moved(max(rates, key=rates.get), 2)
        cost = exact(sizes)
