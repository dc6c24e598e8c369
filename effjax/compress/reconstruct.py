"""Weights fitted anew to what a layer gave before its inputs were cut, and AMC's walk.

He et al. 2018 (AMC), https://arxiv.org/abs/1802.03494.

Shapes: P sampled positions, I inputs, O outputs of a layer.
"""

from collections.abc import Mapping, Sequence

import numpy as np

Array = np.ndarray


def largest_inputs(
    kernel: Array,
    count: int,
) -> Array:
    """The `count` inputs of a kernel [..., I, O] with the largest sum of |w|, ascending."""
    others = tuple(axis for axis in range(kernel.ndim) if axis != kernel.ndim - 2)
    strength = np.abs(kernel).sum(others)
    order = np.argsort(-strength, kind="stable")
    return np.sort(order[:count])


def refit(
    inputs: Array,
    outputs: Array,
) -> Array:
    """[I, O]: the weights that give `outputs` [P, O] from `inputs` [P, I] in the least squares."""
    found, *_ = np.linalg.lstsq(inputs, outputs, rcond=None)
    return found


def rounded_up(
    count: int,
    multiple: int,
    most: int,
) -> int:
    """`count` up to a multiple, or down where that would exceed `most`."""
    up = -(-count // multiple) * multiple
    return up if up <= most else most // multiple * multiple


class Walk:
    """The cost of a network in which layer after layer decides how many inputs it keeps.

    A layer's output ratio is the input ratio of the next one, and it is that of the depthwise
    layers in front of it. What is not decided yet counts with the least ratio.

    Args:
      costs: {layer: its multiply-adds at full width}, layers that decide and others.
      before: {layer that decides: depthwise layers in front of it}, in the order of the network.
      least: the smallest ratio.
    """

    def __init__(
        self, costs: Mapping[str, float], before: Mapping[str, Sequence[str]], least: float
    ):
        self.costs = costs
        self.before = before
        self.layers = list(before)
        # the images keep all channels
        self.ratios = [1.0] + [least] * (len(self.layers) - 1)
        self.least = least

    @property
    def total(self) -> float:
        """The cost at full width."""
        return float(sum(self.costs.values()))

    def cost(self) -> float:
        """The cost at the ratios of now."""
        return sum(self._terms())

    def _terms(self) -> list[float]:
        outputs = [*self.ratios[1:], 1.0]
        terms = []
        for number, layer in enumerate(self.layers):
            ratio = self.ratios[number]
            terms.append(self.costs[layer] * ratio * outputs[number])
            terms.extend(self.costs[other] * ratio for other in self.before[layer])
        return terms

    def wall(
        self,
        number: int,
        action: float,
        budget: float,
    ) -> float:
        """The ratio that a layer may keep so that the budget can still be met.

        Args:
          budget: the share of the total cost.
        """
        kept = self.ratios[number]
        self.ratios[number] = 0.0
        without = self.cost()
        self.ratios[number] = 1.0
        with_all = self.cost() - without
        self.ratios[number] = kept
        most = (budget * self.total - without) / with_all
        return max(min(action, most), self.least)
