"""What a network costs while its groups have soft sizes: a sum of products of shares.

    cost = sum over terms of amount * product of the shares of the groups that the term depends on

It is exact where every share is a whole number of channels.

Shapes: G groups.
"""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
from flax import traverse_util

from effjax.compress.networks import unscanned
from effjax.compress.sites import Site
from effjax.costs.exact import count
from effjax.errors import UserError
from effjax.models import ImageModel, abstract_variables

SOFT_UNITS = ("macs", "params")


@dataclasses.dataclass(frozen=True)
class SoftCost:
    """A cost that has a gradient.

    Attributes:
      terms: (amount with all channels, the groups whose shares it is multiplied by).
    """

    terms: tuple[tuple[float, tuple[int, ...]], ...]

    @property
    def total(self) -> float:
        """The cost with all channels."""
        return sum(amount for amount, _ in self.terms)

    def __call__(self, shares: Any) -> Any:
        """The cost at shares [G]: an array's scalar, or of plain numbers a number."""
        found = 0.0
        for amount, groups in self.terms:
            product = amount
            for group in groups:
                product = product * shares[group]
            found = found + product
        return found


def soft_cost(
    model: ImageModel,
    sites: Sequence[Site],
    image_shape: tuple[int, int, int],
    unit: str,
) -> SoftCost:
    """The multiply-adds or parameters of a network as a function of the shares of its groups.

    Raises:
      UserError: another unit.
    """
    if unit not in SOFT_UNITS:
        raise UserError(
            f"gates learn under a budget of {' or '.join(SOFT_UNITS)}, not of {unit}\n"
            f"give --budget=macs:0.5x; importances such as l2 serve a budget of {unit}"
        )
    depends = _dependences(sites)
    shapes = _flat_shapes(abstract_variables(model, image_shape))
    amounts: dict[tuple[int, ...], float] = defaultdict(float)
    if unit == "params":
        for path, shape in shapes.items():
            if path.startswith("params/"):
                amounts[depends.get(path, ())] += math.prod(shape)
    else:
        positions = _positions(model, image_shape)
        for path, shape in shapes.items():
            module = path.removesuffix("/kernel").removeprefix("params/")
            if path.endswith("/kernel") and module in positions:
                amounts[depends.get(path, ())] += math.prod(shape) * positions[module]
        for group, site in enumerate(sites):
            if site.field == "mixers.heads":
                amounts[(group,)] += _attention(site, positions)
    # what no group changes
    amounts[()] += count(model, image_shape, unit) - sum(amounts.values())
    return SoftCost(tuple((amount, groups) for groups, amount in amounts.items()))


def _dependences(sites: Sequence[Site]) -> dict[str, tuple[int, ...]]:
    """{path: the groups that its axes belong to}."""
    found: dict[str, tuple[int, ...]] = defaultdict(tuple)
    for number, site in enumerate(sites):
        for member in site.group.members:
            found[member.path] += (number,)
    return found


def _flat_shapes(variables: dict) -> dict[str, tuple[int, ...]]:
    flat = traverse_util.flatten_dict(variables, sep="/")
    return {path: leaf.shape for path, leaf in flat.items()}


def _positions(
    model: ImageModel,
    image_shape: tuple[int, int, int],
) -> dict[str, int]:
    """{path of a module: positions of its output for one image}."""
    model = unscanned(model)
    images = jnp.zeros((1, *image_shape))

    def outputs(variables: dict) -> dict:
        _, state = model.apply(
            variables, images, train=False, capture_intermediates=True, mutable=["intermediates"]
        )
        return state["intermediates"]

    captured = jax.eval_shape(outputs, abstract_variables(model, image_shape))
    found = {}
    for path, calls in traverse_util.flatten_dict(captured, sep="/").items():
        module, _, method = path.rpartition("/")
        if method == "__call__" and hasattr(calls[0], "shape"):
            found[module] = math.prod(calls[0].shape[1:-1])
    return found


def _attention(
    site: Site,
    positions: dict[str, int],
) -> float:
    """Multiply-adds of queries with keys and of weights with values, all heads together."""
    head = site.group.members[0]
    tokens = positions[head.path.removeprefix("params/").removesuffix("/kernel")]
    return 2.0 * tokens**2 * head.unit * site.group.size
