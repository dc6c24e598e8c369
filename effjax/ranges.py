"""Ranges of numbers, for annotations: what a setting may be is written where it is declared.

    hflip: Share = 0.5                          # 0 to 1
    clip_norm: Positive | None = None           # above 0; None turns it off
    std: tuple[Positive, Positive, Positive]    # each entry
    decay: Annotated[float, Range(0, 1, "[)")]  # 0 is allowed, 1 is not
    scale: Annotated[tuple[Share, Share], Rising()]

`effjax.config` checks the fields of a config's dataclasses; `effjax.kinds.fit` checks any
value against any annotation.
"""

import dataclasses
import math
from typing import Annotated


@dataclasses.dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`.

    Attributes:
      low, high: the ends; infinity where there is none.
      ends: which ends belong to the range, as in mathematics: "[]", "[)", "(]" or "()".
    """

    low: float = -math.inf
    high: float = math.inf
    ends: str = "[]"

    def __contains__(self, value: float) -> bool:
        # NaN compares false with everything, so it lies in no range
        above = value >= self.low if self.ends[0] == "[" else value > self.low
        below = value <= self.high if self.ends[1] == "]" else value < self.high
        return above and below

    def __str__(self) -> str:
        """ ">= 1", "> 0" or "in [0, 1)"."""
        if self.high == math.inf:
            return f"{'>=' if self.ends[0] == '[' else '>'} {self.low:g}"
        if self.low == -math.inf:
            return f"{'<=' if self.ends[1] == ']' else '<'} {self.high:g}"
        return f"in {self.ends[0]}{self.low:g}, {self.high:g}{self.ends[1]}"


@dataclasses.dataclass(frozen=True)
class Rising:
    """Marks a pair of numbers, the lower one first."""

    def __contains__(self, pair: tuple[float, float]) -> bool:
        low, high = pair
        return low <= high

    def __str__(self) -> str:
        return "with the lower number first"


Share = Annotated[float, Range(0, 1)]
BelowOne = Annotated[float, Range(0, 1, "[)")]
Positive = Annotated[float, Range(0, ends="(]")]
NotNegative = Annotated[float, Range(0)]
Count = Annotated[int, Range(1)]
NotNegativeInt = Annotated[int, Range(0)]
