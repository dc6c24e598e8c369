"""One budget for several networks: which of its choices each of them gets.

Shapes: k networks, each with a few choices.
"""

from collections.abc import Sequence
from typing import NamedTuple

from effjax.errors import UserError


class Choice(NamedTuple):
    """One way of making a network: its cost, and the error that it has then."""

    cost: float
    error: float


def allocate(choices: Sequence[Sequence[Choice]], limit: float) -> tuple[int, ...]:
    """[k]: the choice of each network with the least sum of errors within a sum of costs.

    Exact: of all ways to choose for the first networks, those are kept that no other beats in cost
    and in error.

    Raises:
      UserError: even the cheapest choices cost more.
    """
    # (cost, error, choices so far), by rising cost and falling error
    ways = [(0.0, 0.0, ())]
    for of_network in choices:
        longer = []
        for cost, error, chosen in ways:
            for number, choice in enumerate(of_network):
                total = cost + choice.cost
                if total <= limit * (1 + 1e-9):  # rounding must not refuse an exact fit
                    longer.append((total, error + choice.error, (*chosen, number)))
        ways = _best(sorted(longer))
    if not ways:
        least = sum(min(choice.cost for choice in each) for each in choices)
        raise UserError(f"a budget of {limit:.4g} cannot be met: the least is {least:.4g}")
    return min(ways, key=lambda way: way[1])[2]


def _best(ways: list[tuple[float, float, tuple[int, ...]]]) -> list[tuple]:
    """Of ways by rising cost those with a lower error than all cheaper ones."""
    kept = []
    for way in ways:
        if not kept or way[1] < kept[-1][1]:
            kept.append(way)
    return kept
