"""Which channels go: from importances to {group: channels that are removed}.

Shapes: N channels of a group.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from effjax.compress.groups import Group

Scores = Mapping[str, np.ndarray]  # {name of a group: [N]}


def smallest_of_each(
    groups: Sequence[Group],
    scores: Scores,
    ratio: float,
    multiple: int = 1,
) -> dict[str, list[int]]:
    """The same share of each group.

    Args:
      ratio: the share that is removed.
      multiple: of which the number that stays is one.
    """
    found = {}
    for group in groups:
        stay = int(group.size * (1 - ratio))
        stay = max(stay - stay % multiple, multiple, group.least)
        order = np.argsort(scores[group.name], kind="stable")
        found[group.name] = sorted(order[: group.size - stay].tolist())
    return found


def smallest_of_all(
    groups: Sequence[Group],
    scores: Scores,
    ratio: float,
    ties: str = "exact",
) -> dict[str, list[int]]:
    """The smallest ones of all groups together, but for `least` of each.

    Args:
      ties: "together": as in Torch-Pruning, all that equal the threshold go, and a group that would
        vanish loses nothing.
    """
    joined = np.concatenate([scores[group.name] for group in groups])
    count = joined.size - int(joined.size * (1 - ratio))
    if count == 0:
        return {group.name: [] for group in groups}
    if ties == "together":
        threshold = np.partition(joined, count - 1)[count - 1]
        below = joined <= threshold
    else:
        below = np.zeros(joined.size, bool)
        below[np.argsort(joined, kind="stable")[:count]] = True
    found = {}
    start = 0
    for group in groups:
        mine = below[start : start + group.size]
        start += group.size
        removed = np.flatnonzero(mine)
        if ties == "together" and len(removed) == group.size:
            removed = np.arange(0)  # a group that would vanish loses nothing
        elif group.size - len(removed) < group.least:
            # the most important ones of a group that would vanish stay
            order = np.argsort(scores[group.name], kind="stable")
            removed = np.sort(order[: group.size - group.least])
        found[group.name] = removed.tolist()
    return found


def smallest_of_equals(
    groups: Sequence[Group],
    scores: Scores,
    ratio: float,
    ties: str = "exact",
) -> dict[str, list[int]]:
    """As `smallest_of_all`, among groups of equal structure.

    Isomorphic pruning, Fang et al. 2024, https://arxiv.org/abs/2407.04616.
    """
    families: dict[tuple, list[Group]] = {}
    for group in groups:
        families.setdefault(group.structure(), []).append(group)
    found: dict[str, list[int]] = {}
    for family in families.values():
        found |= smallest_of_all(family, scores, ratio, ties)
    return found
