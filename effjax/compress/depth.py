"""Fewer blocks: the block whose removal costs the least goes first, until a budget is met."""

from collections.abc import Callable
from typing import Any

from effjax.compress.narrow import Narrowed, all_costs, cost_of
from effjax.compress.shrink import remove_blocks
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.models import ImageModel

Loss = Callable[[ImageModel, Any], float]
Block = tuple[int, int]  # (stage, block), as the original counts them


def shorten(
    model: ImageModel,
    variables: Any,
    loss: Loss,
    budget: Budget,
    image_shape: tuple[int, int, int],
) -> tuple[Narrowed, list[Block]]:
    """The network without as many blocks as a budget asks for, one after another.

    Args:
      loss: of a network on images; each block that may go is tried.

    Returns:
      The network, and which blocks are gone.

    Raises:
      UserError: the budget is not met with one block left in each stage.
    """
    whole = cost_of(model, variables, image_shape, budget.unit)
    budget = budget.relative_to(whole)
    gone: list[Block] = []
    small = model
    small_variables = variables
    cost = whole
    while not budget.allows(cost):
        tried = _without_one_more(model, variables, gone)
        if not tried:
            budget.check_reachable(cost, whole, "blocks", "give channels too: --importance=l2")
        block = min(tried, key=lambda block: loss(*tried[block]))
        gone.append(block)
        small, small_variables = tried[block]
        cost = cost_of(small, small_variables, image_shape, budget.unit)
    costs = all_costs((model, variables), (small, small_variables), image_shape)
    return Narrowed(small, small_variables, {}, costs), sorted(gone)


def _without_one_more(
    model: ImageModel,
    variables: Any,
    gone: list[Block],
) -> dict[Block, tuple[ImageModel, Any]]:
    """{a block that may go too: the network without it}."""
    found = {}
    for stage, depth in enumerate(model.stage_depths()):
        for block in range(depth):
            if (stage, block) in gone:
                continue
            try:
                found[stage, block] = remove_blocks(model, variables, [*gone, (stage, block)])
            except UserError:
                continue  # the last of its stage, or one that changes the shape
    return found
