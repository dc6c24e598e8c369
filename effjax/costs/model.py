"""The cost of a network as a function of the sizes that it may choose.

    P(v) = fixed + sum over operators of P_o(v)

A size is real-valued while it is searched (`soft`, with gradients) and odd in a network that is
built (`exact`). Both agree at odd sizes.

Shapes: S sizes, n options of a size.
"""

import dataclasses
from collections.abc import Sequence
from typing import Protocol

import jax
import numpy as np

from effjax.costs.budget import describe
from effjax.costs.soft import expected, hat_weights


class Term(Protocol):
    """The cost of one operator, given the sizes [S] of all."""

    def soft(self, sizes: jax.Array) -> jax.Array:
        """Of real-valued sizes, a float32 scalar."""

    def exact(self, sizes: Sequence[int]) -> float:
        """Of odd sizes."""


@dataclasses.dataclass(frozen=True)
class WindowTaps:
    """A window whose every tap costs the same: `each` * height * width.

    Attributes:
      each: C for parameters, C H W for multiply-adds.
      height, width: which of the sizes they are; the same one for a square, None for one tap.
    """

    each: float
    height: int | None
    width: int | None

    def soft(self, sizes: jax.Array) -> jax.Array:
        height = 1 if self.height is None else sizes[self.height]
        width = 1 if self.width is None else sizes[self.width]
        return self.each * height * width

    def exact(self, sizes: Sequence[int]) -> float:
        height = 1 if self.height is None else int(sizes[self.height])
        width = 1 if self.width is None else int(sizes[self.width])
        return self.each * height * width


@dataclasses.dataclass(frozen=True)
class MeasuredWindow:
    """A window whose milliseconds are measured at odd sizes and linear in between.

    Attributes:
      table: over the sizes 1, 3, 5, ...: [n], or [n, n] for a height and a width.
      places: which of the sizes its axes are.
    """

    table: np.ndarray
    places: tuple[int, ...]

    def soft(self, sizes: jax.Array) -> jax.Array:
        weights = []
        for place, options in zip(self.places, self.table.shape):
            weights.append(hat_weights(sizes[place], options))
        # a real-valued size is taken as a choice between its two neighbours
        return expected(self.table, weights)

    def exact(self, sizes: Sequence[int]) -> float:
        # 1, 3, 5, ... are the entries 0, 1, 2, ...
        entry = tuple((int(sizes[place]) - 1) // 2 for place in self.places)
        return float(self.table[entry])


@dataclasses.dataclass(frozen=True)
class CostModel:
    """The cost of a network as a function of its sizes.

    Attributes:
      unit: "params", "macs" or "latency" (milliseconds).
      terms: one for each operator whose size may be chosen.
      largest: the largest choice of each size, [S].
      fixed: the cost that does not depend on the sizes.
    """

    unit: str
    terms: tuple[Term, ...]
    largest: Sequence[int]
    fixed: float = 0.0

    def soft(self, sizes: jax.Array) -> jax.Array:
        """P(v) of real-valued sizes [S], a float32 scalar."""
        of_terms = [term.soft(sizes) for term in self.terms]
        return self.fixed + sum(of_terms)

    def exact(self, sizes: Sequence[int]) -> float:
        """P(k) of odd sizes [S]: a whole number, except for milliseconds."""
        # integers stay integers: a count of multiply-adds may not fit into a float
        of_terms = [term.exact(sizes) for term in self.terms]
        return sum(of_terms, start=self.fixed)

    @property
    def reachable(self) -> tuple[float, float]:
        """The exact costs of the smallest and of the largest sizes."""
        # no cost falls when a size grows, so these are the ends
        smallest = [1] * len(self.largest)
        return self.exact(smallest), self.exact(self.largest)

    def describe(self, cost: float) -> str:
        """A cost with its unit."""
        return describe(self.unit, cost)
