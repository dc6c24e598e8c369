"""A network cut to a budget: so many channels go that the exact cost of what is left is within it.

scores = importances("l2", sites_of(model, variables), variables)
found = narrow(model, variables, scores, Budget("macs", "0.5x"), image_shape)
found.model, found.variables  # an ordinary network
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from effjax.compress.choose import smallest_of_all, smallest_of_each
from effjax.compress.groups import Group, kept_of
from effjax.compress.importance import IMPORTANCES
from effjax.compress.shrink import shrink
from effjax.compress.sites import Site, flat, sites_of
from effjax.costs import Budget
from effjax.costs.exact import count
from effjax.costs.latency import measure_ms
from effjax.errors import UserError
from effjax.models import ImageModel

Scope = Literal["global", "layer"]
Shape = tuple[int, int, int]  # of an image: (H, W, C)
LATENCY_BATCH = 8  # images of a measured call
LATENCY_ROUNDS = 3
NEEDS_GRADIENTS = ("taylor", "hessian")


@dataclasses.dataclass(frozen=True)
class Narrowed:
    """A smaller network.

    Attributes:
      model, variables: the network.
      kept: {group: the channels that stay}.
      costs: {"params", "macs", "latency": (before, after)}, latency in milliseconds.
    """

    model: ImageModel
    variables: Any
    kept: dict[str, list[int]]
    costs: dict[str, tuple[float, float]]


def cost_of(
    model: ImageModel,
    variables: Any,
    image_shape: Shape,
    unit: str,
) -> float:
    """Parameters, multiply-adds, or measured milliseconds of `LATENCY_BATCH` images."""
    if unit != "latency":
        return float(count(model, image_shape, unit))
    images = jnp.zeros((LATENCY_BATCH, *image_shape))
    return measure_ms(lambda v, x: model.apply(v, x, train=False), (variables, images))


def narrow(
    model: ImageModel,
    variables: Any,
    scores: dict[str, np.ndarray],
    budget: Budget,
    image_shape: Shape,
    scope: Scope = "global",
) -> Narrowed:
    """The network with as many channels as a budget allows, the least important ones gone.

    Args:
      scores: {group: importance of each channel}.
      scope: channels are compared among all groups, or in each at the same share ("layer").

    Raises:
      UserError: no number of channels meets the budget, with the range that can be met.
    """
    sites = sites_of(model, variables)
    groups = [site.group for site in sites]
    whole = cost_of(model, variables, image_shape, budget.unit)
    budget = budget.relative_to(whole)

    def cut_to(ratio: float) -> tuple[ImageModel, Any, dict[str, list[int]]]:
        kept = _kept(groups, scores, ratio, scope)
        return (*shrink(model, variables, kept), kept)

    def cost_at(ratio: float) -> float:
        small, smaller, _ = cut_to(ratio)
        return cost_of(small, smaller, image_shape, budget.unit)

    least = cost_at(1.0)
    budget.check_reachable(least, whole, "channels", "give another --budget, such as macs:0.5x")
    ratio = _least_ratio(cost_at, budget)
    small, smaller, kept = cut_to(ratio)
    costs = all_costs((model, variables), (small, smaller), image_shape)
    return Narrowed(small, smaller, kept, costs)


def all_costs(
    before: tuple[ImageModel, Any],
    after: tuple[ImageModel, Any],
    image_shape: Shape,
    shape_after: Shape | None = None,
) -> dict[str, tuple[float, float]]:
    """{"params", "macs", "latency": (before, after)} of two networks with their variables.

    Args:
      image_shape: (H, W, C) of the images that they take.
      shape_after: of those that the second one takes; None: the same.
    """
    networks = ((*before, image_shape), (*after, shape_after or image_shape))
    costs = {}
    for unit in ("params", "macs"):
        costs[unit] = tuple(cost_of(*network, unit) for network in networks)
    # by turns, and the best of each: other programs slow down now the one, now the other
    rounds = []
    for _ in range(LATENCY_ROUNDS):
        rounds.append([cost_of(*network, "latency") for network in networks])
    costs["latency"] = tuple(map(min, zip(*rounds)))
    return costs


def _kept(
    groups: Sequence[Group],
    scores: dict[str, np.ndarray],
    ratio: float,
    scope: Scope,
) -> dict[str, list[int]]:
    """The channels that stay; only of groups that lose some."""
    choose = smallest_of_all if scope == "global" else smallest_of_each
    removed = choose(groups, scores, ratio)
    return {g.name: kept_of(g, removed[g.name]) for g in groups if removed[g.name]}


def _least_ratio(
    cost_at: Callable[[float], float],
    budget: Budget,
    steps: int = 9,
) -> float:
    """The smallest share of channels to remove that meets the budget, by halving."""
    if budget.allows(cost_at(0.0)):
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(steps):
        middle = (low + high) / 2
        if budget.allows(cost_at(middle)):
            high = middle
        else:
            low = middle
    return high


def importances(
    method: str,
    sites: Sequence[Site],
    variables: Any,
    loss: Callable[[Any], jax.Array] | None = None,
) -> dict[str, np.ndarray]:
    """{group: importance of each channel}.

    Args:
      method: a registered importance.
      loss: parameters -> a scalar, for importances that take gradients.
    """
    rule = IMPORTANCES.find(method)
    arrays = flat(jax.device_get(variables))
    gradients = None
    if method in NEEDS_GRADIENTS:
        found = jax.device_get(jax.jit(jax.grad(loss))(variables["params"]))
        gradients = flat({"params": found})
    return {site.group.name: rule(site.group, arrays, gradients) for site in sites}


def read_budget(amount: str) -> Budget:
    """ "macs:0.5x" as a budget.

    Raises:
      UserError: another form.
    """
    unit, colon, number = amount.partition(":")
    if not colon:
        raise UserError(f"--budget={amount}: expected UNIT:AMOUNT, such as macs:0.5x or latency:3")
    return Budget(unit, number)
