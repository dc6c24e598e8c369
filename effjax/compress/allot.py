"""Groups that decide one after another how many channels they keep, within a budget.

AMC's walk (He et al. 2018, https://arxiv.org/abs/1802.03494): a wall stops each decision where the
budget could not be met any more, even if all that follows kept the least. Numbers of channels are
rounded first, then walled, so that the budget holds exactly.

A state has 11 features: where the group is (number, stage, block), its sizes (channels, entries of
a channel, weights that give a channel, all weights), its cost, and three that change with the
decisions (cost that is gone, cost that is undecided, the last share).

Shapes: G groups, F features of a state.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np

from effjax.compress.gates.soft_cost import SoftCost
from effjax.compress.groups import Group
from effjax.compress.sites import Arrays, Site

LEAST = 0.2  # AMC's smallest share of a group
MOVING = 3  # features that change with the decisions

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
        self.sizes: list[int] = []
        self.least: list[int] = []
        rows = []
        for number, site in enumerate(sites):
            group = site.group
            self.sizes.append(group.size)
            self.least.append(max(group.least, math.ceil(LEAST * group.size)))
            own_cost = sum(amount for amount, groups in cost.terms if number in groups)
            rows.append([number, site.stage, site.block, *_sizes(group, arrays), own_cost])
        self.cost = cost
        self.limit = limit
        self.fixed = _scaled(np.asarray(rows, np.float32))  # [G, F - MOVING]
        self.features = self.fixed.shape[1] + MOVING

    def cost_of(self, counts: Sequence[int]) -> int:
        """The exact cost if the first groups keep `counts` and the others the least."""
        undecided = self.least[len(counts) :]
        return round(self.cost(self.shares([*counts, *undecided])))

    def state(self, counts: Sequence[int]) -> np.ndarray:
        """[F]: what AMC's agent sees of the group that decides next.

        Its place, its sizes and its cost, each between 0 and 1 over the groups; then what was taken
        away so far, what is still to decide, and the last decision.
        """
        number = len(counts)
        shares = [count / size for count, size in zip(counts, self.sizes)]
        undecided = len(self.sizes) - number
        # with all of what is undecided, and without any of it
        now = self.cost(shares + [1.0] * undecided)
        decided = self.cost(shares + [0.0] * undecided)
        gone = 1 - now / self.cost.total
        to_decide = (now - decided) / self.cost.total
        last = shares[-1] if shares else 1.0
        moving = np.asarray([gone, to_decide, last], np.float32)
        return np.concatenate([self.fixed[number], moving])

    def keep(self, counts: Sequence[int], share: float) -> int:
        """How many channels the next group keeps: the share's, or the most before the wall."""
        number = len(counts)
        least = self.least[number]
        count = max(round(share * self.sizes[number]), least)
        while count > least and self.cost_of([*counts, count]) > self.limit:
            count -= 1
        return count

    def walk(self, policy: Policy) -> tuple[list[int], list[np.ndarray]]:
        """The numbers of channels that a policy keeps, and the states that it saw."""
        counts: list[int] = []
        states = []
        for _ in self.sizes:
            state = self.state(counts)
            counts.append(self.keep(counts, policy(state)))
            states.append(state)
        return counts, states

    def equal(self, steps: int = 20) -> list[int]:
        """The same share of every group, the largest that the budget allows, by bisection."""

        def counts_at(share: float) -> list[int]:
            return [max(int(share * size), least) for size, least in zip(self.sizes, self.least)]

        allowed = LEAST
        too_much = 1.0
        for _ in range(steps):
            middle = (allowed + too_much) / 2
            if self.cost_of(counts_at(middle)) <= self.limit:
                allowed = middle
            else:
                too_much = middle
        return counts_at(allowed)

    def shares(self, counts: Sequence[int]) -> list[float]:
        """The share of each group that stays."""
        return [count / size for count, size in zip(counts, self.sizes, strict=True)]


def _sizes(group: Group, arrays: Arrays) -> list[float]:
    """Channels, entries of a channel, weights that give a channel, and all weights."""
    weights = 0
    giving = 0
    for member in group.members:
        size = np.size(arrays[member.path])
        if member.role == "out":
            giving += size
        if member.role != "with":  # shifts and running averages only go along
            weights += size
    return [group.size, group.members[0].unit, giving / group.size, weights]


def _scaled(columns: np.ndarray) -> np.ndarray:
    """Each column [G] between 0 and 1."""
    low = columns.min(0)
    extent = columns.max(0) - low
    divisor = np.where(extent > 0, extent, 1)  # a column of equal numbers becomes 0
    return (columns - low) / divisor
