"""How many bits each layer gets.

Shapes: L layers.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from effjax.errors import UserError

Bits = list[int]
RESOLUTION = 2000  # steps of the budget in the dynamic programme


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
    sizes: Mapping[str, int],
    limit: float,
) -> dict[str, int]:
    """Bits of each layer with the least damage in all, by dynamic programming.

    Args:
      damages: {layer: {bits: how much the loss rises}}, measured one layer at a time.
      sizes: {layer: number of weights}.
      limit: of the sum of bits * size. It is divided into `RESOLUTION` steps, and every layer's
        cost is rounded up to one, so that the limit holds.

    Raises:
      UserError: even the fewest bits are too many.
    """
    least = sum(min(options) * sizes[layer] for layer, options in damages.items())
    if least > limit:
        raise UserError(
            f"{limit:g} bits cannot be met: the fewest bits of every layer take {least:g}\n"
            "give a larger budget"
        )
    step = limit / RESOLUTION
    best = np.full(RESOLUTION + 1, np.inf)
    best[0] = 0.0
    choices: list[np.ndarray] = []
    for layer, options in damages.items():
        new = np.full(RESOLUTION + 1, np.inf)
        chosen = np.zeros(RESOLUTION + 1, int)
        for bits, damage in options.items():
            cost = _steps(bits * sizes[layer], step)
            if cost > RESOLUTION:
                continue
            shifted = np.full(RESOLUTION + 1, np.inf)
            shifted[cost:] = best[: RESOLUTION + 1 - cost] + damage
            better = shifted < new
            new[better] = shifted[better]
            chosen[better] = bits
        choices.append(chosen)
        best = new
    spent = int(np.argmin(best))
    if not np.isfinite(best[spent]):
        # rounding up has used what was left: the fewest bits fit, and are what is taken
        return {layer: min(options) for layer, options in damages.items()}
    found = {}
    for layer, chosen in reversed(list(zip(damages, choices, strict=True))):
        found[layer] = int(chosen[spent])
        spent -= _steps(found[layer] * sizes[layer], step)
    return {layer: found[layer] for layer in damages}


def _steps(
    cost: float,
    step: float,
) -> int:
    return int(np.ceil(cost / step - 1e-9))
