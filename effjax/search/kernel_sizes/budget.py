"""What sizes cost: parameters, multiply-adds or milliseconds, soft for gradients, exact for found.

    P(v) = fixed + sum over sites of c * area(v),   area = v^2, v or v_high * v_wide

with c = C for parameters and C H W for multiply-adds. For milliseconds a measured table takes the
place of c * area: exact at odd sizes and linear between them.
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from effjax.errors import UserError
from effjax.search.kernel_sizes.sites import Site, Sizes

Form = Literal["two_sided", "hinge"]
SHIFT, HALVINGS = 20.0, 30  # of logits; beyond, a sigmoid is 0 or 1 in float32
UNITS = {"params": "parameters", "macs": "multiply-adds", "latency": "ms"}


def log_ratio(cost: jax.Array, budget: jax.Array | float, form: Form) -> jax.Array:
    """|log(P / T)|, or with "hinge" max(log(P / T), 0): being below costs nothing then."""
    ratio = jnp.log(cost / budget)
    return jnp.abs(ratio) if form == "two_sided" else jax.nn.relu(ratio)


def shift_to(cost: Callable[[jax.Array], jax.Array], budget: jax.Array | float) -> jax.Array:
    """The shift x with cost(x) = budget, for a cost that rises with it; with its derivatives.

    They are those of the implicit function: one Newton step, taken where the search has ended.
    Where no shift within +-`SHIFT` reaches the budget, the nearest end.
    """

    def halve(_: int, ends: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        low, high = ends
        middle = (low + high) / 2
        above = cost(middle) > budget
        return jnp.where(above, low, middle), jnp.where(above, middle, high)

    ends = jnp.float32(-SHIFT), jnp.float32(SHIFT)
    at = jax.lax.stop_gradient(sum(jax.lax.fori_loop(0, HALVINGS, halve, ends)) / 2)
    slope = jax.lax.stop_gradient(jax.grad(cost)(at))
    step = (cost(at) - budget) / jnp.maximum(slope, 1e-6 * budget)
    return at - (step - jax.lax.stop_gradient(step))


@dataclasses.dataclass(frozen=True)
class Cost:
    """The cost of all sites as a function of their sizes.

    Attributes:
      unit: "params", "macs" or "latency".
      sizes: which sites, and where their sizes stand.
      factors: for each site the cost of one tap.
      tables: for each site its milliseconds, [n] or [n, n] over the sizes 1, 3, 5, ...; None
        where a tap costs the same wherever it is.
      fixed: what does not depend on the sizes.
    """

    unit: str
    sizes: Sizes
    factors: tuple[float, ...]
    tables: tuple[np.ndarray | None, ...]
    fixed: float = 0.0

    def soft(self, sizes: jax.Array) -> jax.Array:
        """P(v) of real-valued sizes [S], a float32 scalar."""
        parts = self.sizes.split(sizes)
        every = zip(self.sizes.sites, self.factors, self.tables, parts)
        return self.fixed + sum(_soft(site, f, t, v) for site, f, t, v in every)

    def exact(self, sizes: Sequence[int]) -> float:
        """P(k) of odd sizes [S]: a whole number but for milliseconds."""
        total = self.fixed
        every = zip(self.sizes.sites, self.factors, self.tables, self.sizes.split(list(sizes)))
        for site, factor, table, chosen in every:
            if table is None:
                total += factor * math.prod(int(side) for side in site.sides(chosen))
            else:
                total += float(table[tuple((int(k) - 1) // 2 for k in chosen)])
        return total

    @property
    def reachable(self) -> tuple[float, float]:
        """The costs of the smallest and of the largest sizes."""
        return self.exact([1] * len(self.sizes.largest)), self.exact(self.sizes.largest)

    def words(self, cost: float) -> str:
        """A cost with its unit."""
        number = f"{cost:.4g}" if self.unit == "latency" else f"{round(cost):,}"
        return f"{number} {UNITS[self.unit]}"

    def check(self, budget: float) -> None:
        """Refuses a budget that no sizes can have.

        Raises:
          UserError: with the reachable range.
        """
        least, most = self.reachable
        if most <= least:
            raise UserError(
                f"config.task.cost = {self.unit!r} does not depend on these sizes: pooling has no "
                "parameters\nand no multiply-adds; give --config.task.cost=latency with a table"
            )
        if not least <= budget <= most:
            raise UserError(
                f"a budget of {self.words(budget)} cannot be met: sizes from 1 to "
                f"{max(self.sizes.largest)} cost from {self.words(least)} to {self.words(most)}\n"
                "give config.task.budget or budget_sizes in that range, or another max_size"
            )


def _soft(site: Site, factor: float, table: np.ndarray | None, sizes: Any) -> jax.Array:
    if table is None:
        rows, columns = site.sides(list(sizes))
        return factor * rows * columns
    value = jnp.asarray(table, jnp.float32)
    for v in list(sizes)[::-1]:
        steps = 1 + 2 * jnp.arange(value.shape[-1])
        # hat functions around 1, 3, 5, ...: linear in between
        value = value @ jnp.clip(1 - jnp.abs(v - steps) / 2, 0.0, 1.0)
    return value
