"""Groups that decide one after another how many channels they keep, within a budget.

AMC's walk (He et al. 2018, https://arxiv.org/abs/1802.03494): a wall stops each decision where the
budget could not be met any more, even if all that follows kept the least. Numbers of channels are
rounded first, then walled, so that the budget holds exactly.

Shapes: G groups, F features of a state.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from effjax.compress.gates.soft_cost import SoftCost
from effjax.compress.sites import Arrays, Site

LEAST = 0.2  # AMC's smallest share of a group

Policy = Callable[[np.ndarray], float]  # state [F] -> the share that a group keeps


class Allotment:
    """The walk over the groups of a network.

    Args:
      sites: the groups, in the order in which they decide.
      arrays: {path: array} of the network.
      cost: as a function of the groups' shares.
      limit: of the cost.
    """

    def __init__(self, sites: Sequence[Site], arrays: Arrays, cost: SoftCost, limit: float):
        groups = [site.group for site in sites]
        self.sizes = [group.size for group in groups]
        self.least = [max(group.least, math.ceil(LEAST * group.size)) for group in groups]
        self.cost = cost
        self.limit = limit
        columns = [_features(number, sites, arrays, cost) for number in range(len(sites))]
        self.fixed = _scaled(np.asarray(columns, np.float32))  # [G, F - 3]
        self.features = self.fixed.shape[1] + 3

    def cost_of(self, counts: Sequence[int]) -> int:
        """The exact cost if the first groups keep `counts` and the others the least."""
        whole = [*counts, *self.least[len(counts) :]]
        shares = [count / size for count, size in zip(whole, self.sizes, strict=True)]
        return round(self.cost(shares))

    def state(self, counts: Sequence[int]) -> np.ndarray:
        """[F]: what AMC's agent sees of the group that decides next.

        Its place, its sizes and its cost, each between 0 and 1 over the groups; then what was taken
        away so far, what is still to decide, and the last decision.
        """
        number = len(counts)
        shares = [count / size for count, size in zip(counts, self.sizes)]
        left = len(self.sizes) - number
        # with all that is still to decide, and without any of it
        now = self.cost([*shares, *[1.0] * left])
        decided = self.cost([*shares, *[0.0] * left])
        gone = 1 - now / self.cost.total
        to_decide = (now - decided) / self.cost.total
        last = shares[-1] if shares else 1.0
        moving = np.asarray([gone, to_decide, last], np.float32)
        return np.concatenate([self.fixed[number], moving])

    def keep(self, counts: Sequence[int], share: float) -> int:
        """How many channels the next group keeps: the share's, or the most before the wall."""
        number = len(counts)
        count = max(round(share * self.sizes[number]), self.least[number])
        while count > self.least[number] and self.cost_of([*counts, count]) > self.limit:
            count -= 1
        return count

    def walk(self, policy: Policy) -> tuple[list[int], list[np.ndarray]]:
        """The numbers of channels that a policy keeps, and the states that it saw."""
        counts: list[int] = []
        states = []
        for _ in self.sizes:
            states.append(self.state(counts))
            counts.append(self.keep(counts, policy(states[-1])))
        return counts, states

    def equal(self, steps: int = 20) -> list[int]:
        """The same share of every group, the largest that the budget allows."""

        def at(share: float) -> list[int]:
            return [max(int(share * n), least) for n, least in zip(self.sizes, self.least)]

        low, high = LEAST, 1.0
        for _ in range(steps):
            middle = (low + high) / 2
            if self.cost_of(at(middle)) <= self.limit:
                low = middle
            else:
                high = middle
        return at(low)

    def shares(self, counts: Sequence[int]) -> list[float]:
        """The share of each group that stays."""
        return [count / size for count, size in zip(counts, self.sizes, strict=True)]


def _features(
    number: int,
    sites: Sequence[Site],
    arrays: Arrays,
    cost: SoftCost,
) -> list[float]:
    """Where a group is, how large it is, and what it costs."""
    site = sites[number]
    group = site.group
    weights = outgoing = 0
    for member in group.members:
        size = np.size(arrays[member.path])
        weights += size if member.role != "with" else 0
        outgoing += size if member.role == "out" else 0
    own_cost = sum(amount for amount, groups in cost.terms if number in groups)
    place = [number, site.stage, site.block]
    sizes = [group.size, group.members[0].unit, outgoing / group.size, weights]
    return [*place, *sizes, own_cost]


def _scaled(columns: np.ndarray) -> np.ndarray:
    """Each column [G] between 0 and 1."""
    low = columns.min(0)
    extent = columns.max(0) - low
    return (columns - low) / np.where(extent > 0, extent, 1)  # equal numbers: 0
