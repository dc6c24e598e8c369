"""A budget: how much of one unit a network may cost.

    Budget("macs", 2e8)          an amount in the unit
    Budget("macs", "0.5x")       a share of what a reference network costs
    Budget("latency", "3 ms")    an amount with its unit written out
    Budget("memory", "256 KB")   bytes of activations, in KB, MB or GB (powers of 1024)

Sizes, widths and other choices are rounded first; then the cost of the rounded network is compared.
A budget that a soft network meets may be exceeded once its sizes are rounded up.
"""

import dataclasses
import math

from effjax.errors import UserError, nearest

UNITS = {"params": "parameters", "macs": "multiply-adds", "latency": "ms", "memory": "bytes"}
# what an amount may end with, and how much of the unit it stands for
SUFFIXES = {
    "params": {"parameters": 1},
    "macs": {"multiply-adds": 1},
    "latency": {"ms": 1},
    "memory": {"KB": 2**10, "MB": 2**20, "GB": 2**30, "bytes": 1},
}
EXAMPLES = '2e8, "0.5x" (of the network that config.model describes), "3 ms"'


def describe(
    unit: str,
    cost: float,
) -> str:
    """A cost with its unit, such as "153,600 multiply-adds" or "3.2 ms"."""
    number = f"{cost:.4g}" if unit == "latency" else f"{round(cost):,}"
    return f"{number} {UNITS[unit]}"


@dataclasses.dataclass(frozen=True)
class Budget:
    """At most `amount` of a unit.

    Attributes:
      unit: "params", "macs", "latency" (milliseconds) or "memory" (bytes of activations at their
        peak).
      amount: a number in the unit, or text: a number with its unit ("3 ms"), or a share of a
        reference ("0.5x").

    Raises:
      UserError: an unknown unit, or an amount that is not a positive number.
    """

    unit: str
    amount: float | str

    def __post_init__(self) -> None:
        if self.unit not in UNITS:
            raise UserError(f"unknown unit of cost {self.unit!r}; {nearest(self.unit, UNITS)}")
        self._parse()  # refuses what is no amount

    @property
    def is_share(self) -> bool:
        """Whether the amount is a share of a reference."""
        return isinstance(self.amount, str) and self.amount.strip().endswith("x")

    def relative_to(self, reference: float) -> "Budget":
        """The same budget as an absolute amount, where the reference network costs `reference`."""
        number = self._parse()
        return Budget(self.unit, number * reference if self.is_share else number)

    @property
    def limit(self) -> float:
        """The amount as a number; raises ValueError for a share of an unknown reference."""
        if self.is_share:
            raise ValueError(f"{self.amount} is a share: call relative_to(cost) first")
        return self._parse()

    def allows(self, cost: float) -> bool:
        """Whether a network may cost this much: the exact cost, after all rounding."""
        return cost <= self.limit

    def check_reachable(
        self,
        least: float,
        most: float,
        choices: str,
        remedy: str,
    ) -> None:
        """Refuses a budget that no choice can meet, or that every choice meets.

        Args:
          least, most: the exact costs of the cheapest and of the dearest choice.
          choices: what is chosen, such as "sizes from 1 to 11".
          remedy: what to type.

        Raises:
          UserError: with the feasible range.
        """
        if least <= self.limit <= most:
            return
        low = describe(self.unit, least)
        high = describe(self.unit, most)
        raise UserError(
            f"a budget of {describe(self.unit, self.limit)} cannot be met: "
            f"{choices} cost from {low} to {high}\n{remedy}"
        )

    def _parse(self) -> float:
        """The number in `amount`."""
        if not isinstance(self.amount, str):
            number = self.amount
        else:
            # "0.5x", "3 ms" and "3" are all a number with or without a suffix
            digits = self.amount.strip().removesuffix("x")
            times = 1
            for suffix, factor in SUFFIXES[self.unit].items():
                if digits.endswith(suffix):
                    digits = digits.removesuffix(suffix)
                    times = factor
            try:
                number = times * float(digits)
            except ValueError:
                number = math.nan
        # NaN fails every comparison, so it is refused here too
        if not 0 < number < math.inf:
            raise UserError(
                f"a budget of {self.amount!r} {UNITS[self.unit]} is no positive amount\n"
                f"give one such as {EXAMPLES}"
            )
        return number
