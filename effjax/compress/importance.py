"""How much a channel matters: one number for each channel of a group.

Each member of the group gives a number for every channel; these are brought together and divided by
their mean, so that groups can be compared.

Shapes: N channels of a group, F entries that a member holds for one of them.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from effjax.compress.groups import Group, Member
from effjax.registry import Registry

Arrays = Mapping[str, Any]
Together = Callable[[np.ndarray], np.ndarray]  # [members, N] -> [N]

IMPORTANCES: Registry = Registry("importance", "--importance=package.module:function")

TOGETHER: dict[str, Together] = {
    "mean": lambda found: found.mean(0),
    "sum": lambda found: found.sum(0),
    "max": lambda found: found.max(0),
    "first": lambda found: found[0],
}
SCALES: dict[str, Callable[[np.ndarray], float]] = {
    "mean": lambda scores: scores.mean(),
    "max": lambda scores: scores.max(),
    "none": lambda scores: 1.0,
}


def importance(
    group: Group,
    of_member: Callable[[Member], np.ndarray | None],
    together: str = "mean",
    scale: str = "mean",
) -> np.ndarray:
    """[N]: the importance of each channel.

    Args:
      of_member: member -> [N]; None: it says nothing.
      together, scale: names in `TOGETHER` and `SCALES`.
    """
    scored = [member for member in group.members if member.role != "with"]
    found = [of_member(member) for member in scored]
    stacked = np.stack([scores for scores in found if scores is not None])
    scores = TOGETHER[together](stacked)
    divisor = SCALES[scale](scores)
    return scores / divisor if divisor > 0 else scores


def norm_of(
    arrays: Arrays,
    group: Group,
    power: float,
) -> Callable[[Member], np.ndarray]:
    """Sums of |w|^p, without a root."""

    def of_member(member: Member) -> np.ndarray:
        rows = member.rows(arrays[member.path], group.size)
        return (np.abs(rows) ** power).sum(1)

    return of_member


@IMPORTANCES.register("l1", "the sum of |w|")
def l1(
    group: Group,
    arrays: Arrays,
    gradients: Arrays | None = None,
) -> np.ndarray:
    """Li et al. 2017, https://arxiv.org/abs/1608.08710."""
    return importance(group, norm_of(arrays, group, 1.0))


@IMPORTANCES.register("l2", "the sum of w^2")
def l2(
    group: Group,
    arrays: Arrays,
    gradients: Arrays | None = None,
) -> np.ndarray:
    """As `l1`, with squares."""
    return importance(group, norm_of(arrays, group, 2.0))


@IMPORTANCES.register("norm_scale", "|scale| of the norms behind the channels")
def norm_scale(
    group: Group,
    arrays: Arrays,
    gradients: Arrays | None = None,
) -> np.ndarray:
    """Network slimming, Liu et al. 2017, https://arxiv.org/abs/1708.06519."""
    norms = norm_of(arrays, group, 1.0)
    return importance(group, lambda member: norms(member) if member.role == "norm" else None)


@IMPORTANCES.register("taylor", "the sum of |w g|: how much the loss changes, to first order")
def taylor(
    group: Group,
    arrays: Arrays,
    gradients: Arrays,
    signed: bool = False,
    norms: bool = True,
) -> np.ndarray:
    """Molchanov et al. 2019, https://arxiv.org/abs/1906.10771.

    Args:
      signed: the absolute value of the sum, so that entries may cancel.
      norms: whether scales of norms count; the code of Torch-Pruning leaves them out.
    """

    def of_member(member: Member) -> np.ndarray | None:
        if member.role == "norm" and not norms:
            return None
        rows = member.rows(arrays[member.path], group.size)
        product = rows * member.rows(gradients[member.path], group.size)
        return np.abs(product.sum(1)) if signed else np.abs(product).sum(1)

    return importance(group, of_member)


@IMPORTANCES.register("hessian", "the sum of w^2 g^2")
def hessian(
    group: Group,
    arrays: Arrays,
    gradients: Arrays,
) -> np.ndarray:
    """Optimal brain damage, with g^2 of single images for the diagonal of the Hessian."""

    def of_member(member: Member) -> np.ndarray:
        rows = member.rows(arrays[member.path], group.size)
        slopes = member.rows(gradients[member.path], group.size)
        return (rows**2 * slopes**2).sum(1)

    return importance(group, of_member)


@IMPORTANCES.register("lamp", "w^2 as a share of all that is not smaller")
def lamp(
    group: Group,
    arrays: Arrays,
    gradients: Arrays | None = None,
) -> np.ndarray:
    """Lee et al. 2021, https://arxiv.org/abs/2010.07611: layers need no other scale."""
    scores = importance(group, norm_of(arrays, group, 2.0), scale="none")
    order = np.argsort(scores, kind="stable")
    ascending = scores[order]
    not_smaller = np.cumsum(ascending[::-1])[::-1]
    found = np.empty_like(scores)
    found[order] = ascending / not_smaller
    return found


@IMPORTANCES.register("fpgm", "the distance to all other channels: a median one can be replaced")
def fpgm(
    group: Group,
    arrays: Arrays,
    gradients: Arrays | None = None,
) -> np.ndarray:
    """He et al. 2019, https://arxiv.org/abs/1811.00250; of squared entries, as Torch-Pruning."""

    def of_member(member: Member) -> np.ndarray | None:
        if member.role == "norm":
            return None
        rows = member.rows(arrays[member.path], group.size) ** 2
        differences = rows[:, None] - rows[None]
        return np.sqrt((differences**2).sum(-1)).sum(1)

    return importance(group, of_member)
