"""How many bits each layer gets.

Shapes: L layers.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from effjax.errors import UserError

Bits = list[int]


def bits_of_action(
    action: float,
    least: int,
    most: int,
) -> int:
    """A number in [0, 1] as a number of bits, each with as much room as the others.

    As HAQ's agent: halves are rounded to even, so that 0 gives `least` - 1 where that is even.
    """
    return int(np.round(least - 0.5 + (most - least + 1) * action))


def size_wall(
    bits: Sequence[int],
    sizes: Sequence[int],
    limit: float,
    least: int,
) -> Bits:
    """Bits lowered until the weights fit: one off each layer, from the last to the first, again.

    Args:
      sizes: the numbers of weights.
      limit: in bits.
      least: what every layer keeps.

    Raises:
      UserError: even the least bits are too many. HAQ's code ends above its budget there, and its
        wall of latencies never ends.
    """
    found = list(bits)
    lowest = sum(min(bit, least) * size for bit, size in zip(bits, sizes, strict=True))
    if lowest > limit:
        raise UserError(
            f"{limit:g} bits cannot be met: {least} bits a weight take {lowest:g}\n"
            "give a larger budget, or fewer bits at least"
        )

    def cost() -> int:
        return sum(bit * size for bit, size in zip(found, sizes, strict=True))

    while cost() > limit:
        for layer in reversed(range(len(found))):
            if found[layer] > least:
                found[layer] -= 1
            if cost() <= limit:
                break
    return found


def latency_wall(
    bits: Sequence[tuple[int, int]],
    cost: Callable[[Sequence[tuple[int, int]]], float],
    limit: float,
    least: int,
    hold: Callable[[list[list[int]]], None] = lambda bits: None,
) -> list[list[int]]:
    """As `size_wall`, of (weight bits, activation bits): the activation's go first.

    Args:
      cost: of all layers' bits.
      hold: sets the layers whose bits are given, before each look at the cost.

    Raises:
      UserError: even the least bits are too slow.
    """
    found = [list(pair) for pair in bits]
    lowest = [[min(w, least), min(a, least)] for w, a in bits]
    hold(lowest)
    if cost(lowest) > limit:
        raise UserError(
            f"a cost of {limit:g} cannot be met: {least} bits everywhere cost {cost(lowest):g}\n"
            "give a larger budget, or fewer bits at least"
        )
    hold(found)
    while cost(found) > limit:
        for layer in reversed(range(len(found))):
            for part in (1, 0):
                if found[layer][part] > least:
                    found[layer][part] -= 1
                hold(found)
                if cost(found) <= limit:
                    return found
    return found


def allocate(
    damages: Mapping[str, Mapping[int, float]],
    costs: Mapping[str, Mapping[int, int]],
    limit: float,
) -> dict[str, int]:
    """Bits of each layer with the least damage in all, within a limit of the cost in all.

    Exact: a dynamic programme over the costs that the layers so far may have. Of those that cost
    more and do no less damage than another none is followed.

    Args:
      damages: {layer: {bits: how far the network moves}}, measured one layer at a time.
      costs: {layer: {bits: a whole number}}, such as bytes or microseconds.
      limit: of the sum of costs.

    Raises:
      UserError: even the cheapest bits are too many.
    """
    cheapest = [min(costs[layer].values()) for layer in damages]
    if sum(cheapest) > limit:
        raise UserError(
            f"a cost of {limit:g} cannot be met: the cheapest bits of every layer cost "
            f"{sum(cheapest):g}\ngive a larger budget"
        )
    front = _Front(np.zeros(1, np.int64), np.zeros(1))
    fronts = []
    for number, (layer, options) in enumerate(damages.items()):
        # what the layers behind this one cost at least
        room = limit - sum(cheapest[number + 1 :])
        front = _next_front(front, options, costs[layer], room)
        fronts.append(front)
    place = len(front.costs) - 1  # the dearest one that is kept does the least damage
    found = {}
    for layer, front in reversed(list(zip(damages, fronts, strict=True))):
        found[layer] = int(front.bits[place])
        place = front.before[place]
    return {layer: found[layer] for layer in damages}


@dataclasses.dataclass(frozen=True)
class _Front:
    """Choices for some layers: costs rise, damages fall.

    Attributes:
      costs, damages: of each choice.
      bits: those of the last layer.
      before: the place of the choice for the layers before it.
    """

    costs: np.ndarray
    damages: np.ndarray
    bits: np.ndarray | None = None
    before: np.ndarray | None = None


def _next_front(
    front: _Front,
    damages: Mapping[int, float],
    costs: Mapping[int, int],
    room: float,
) -> _Front:
    """The choices with one layer more that cost at most `room`."""
    columns = []
    places = np.arange(len(front.costs))
    for bits, damage in damages.items():
        columns.append(
            (
                front.costs + costs[bits],
                front.damages + damage,
                np.full(len(places), bits),
                places,
            )
        )
    cost, damage, bits, before = (np.concatenate(column) for column in zip(*columns, strict=True))
    # the cheapest first, and of equal costs the least damage
    order = np.lexsort((damage, cost))
    order = order[cost[order] <= room]
    least_so_far = np.minimum.accumulate(damage[order])
    is_better = np.ones(len(order), bool)
    is_better[1:] = damage[order][1:] < least_so_far[:-1]
    kept = order[is_better]
    return _Front(cost[kept], damage[kept], bits[kept], before[kept])
