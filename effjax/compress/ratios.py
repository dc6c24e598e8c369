"""How many channels each layer keeps, searched by AMC's agent; nothing is trained.

He et al. 2018, https://arxiv.org/abs/1802.03494. An episode walks through the groups of a network.
Its reward is the accuracy after the cut and the least-squares fit, on training images that the fit
has not seen.

Shapes: B images of a batch, G groups.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np

from effjax.compress.allot import LEAST, Allotment
from effjax.compress.ddpg import Agent
from effjax.compress.gates.soft_cost import SOFT_UNITS, soft_cost
from effjax.compress.groups import Group, silence
from effjax.compress.narrow import Narrowed, all_costs
from effjax.compress.refit import Reader, readers_of, refitted
from effjax.compress.shrink import shrink
from effjax.compress.sites import flat, nested, sites_of
from effjax.costs import Budget
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.report import Display

EVALUATIONS = 200
WARM_UP = 8  # one episode of so many draws its actions, as in AMC: 100 of 800
MEMORY = 100  # episodes that are remembered
IMAGES = 1024  # that a cut is scored by

Batches = Sequence[tuple[jax.Array, jax.Array]]  # (images [B, H, W, C], labels [B])
Kept = dict[str, list[int]]


@dataclasses.dataclass(frozen=True)
class Tried:
    """One choice of numbers of channels [G], and the accuracy that it leaves."""

    counts: tuple[int, ...]
    accuracy: float


def check_unit(unit: str) -> None:
    """Refuses a budget whose wall is not known.

    Raises:
      UserError: another unit than multiply-adds or parameters.
    """
    if unit not in SOFT_UNITS:
        raise UserError(
            f"--ratios=search is for a budget of {' or '.join(SOFT_UNITS)}, not of {unit}; "
            "give --budget=macs:0.5x"
        )


def search(
    allotment: Allotment,
    score: Callable[[Sequence[int]], float],
    evaluations: int,
    seed: int,
    display: Display,
) -> list[Tried]:
    """What was tried, in order: equal shares first, then the episodes of an agent.

    Args:
      score: numbers of channels [G] -> the accuracy.
    """
    warm_up = evaluations // WARM_UP
    memory = MEMORY * len(allotment.sizes)
    agent = Agent(allotment.features, LEAST, warm_up, memory, seed)
    equal = iter(allotment.shares(allotment.equal()))
    tried: list[Tried] = []
    best = 0.0
    display.start(evaluations, unit="evaluation")
    for number in range(evaluations):
        if number == 0:
            counts, states = allotment.walk(lambda state: next(equal))
        else:
            counts, states = allotment.walk(agent.action)
        accuracy = score(counts)
        tried.append(Tried(tuple(counts), accuracy))
        agent.learn(states, allotment.shares(counts), accuracy)
        best = max(best, accuracy)
        display.update(number + 1, {"accuracy": accuracy, "best": best})
    return tried


class Scorer:
    """The accuracy of a network after a cut and the fit; one program for all cuts.

    Channels that are gone are silent and not cut out, which gives the same logits.
    """

    def __init__(
        self,
        model: ImageModel,
        variables: Any,
        groups: Sequence[Group],
        readers: Sequence[Reader],
        batches: Batches,
    ):
        self.arrays = flat(jax.device_get(variables))
        self.groups = groups
        self.readers = readers
        self.batches = batches

        @jax.jit
        def right(variables: Any, images: jax.Array, labels: jax.Array) -> jax.Array:
            logits = model.apply(variables, images, train=False)
            return (logits.argmax(-1) == labels).sum()

        self.right = right

    def __call__(self, kept: Kept) -> float:
        """The share of images that are named right."""
        arrays = silence(self.arrays, self.groups, kept)
        for reader in self.readers:
            name = reader.group.name
            path = reader.member.path
            if name in kept:
                entries = reader.member.entries(kept[name], reader.group.size)
                kernel = np.zeros_like(arrays[path])
                kernel[entries] = reader.fitted(kept[name])
                arrays[path] = kernel
        variables = jax.device_put(nested(arrays))
        right = sum(int(self.right(variables, *batch)) for batch in self.batches)
        return right / sum(len(labels) for _, labels in self.batches)


def kept_by(
    groups: Sequence[Group],
    scores: dict[str, np.ndarray],
    counts: Sequence[int],
) -> Kept:
    """{group: its most important channels}, of groups that lose some."""
    kept = {}
    for group, count in zip(groups, counts, strict=True):
        if count < group.size:
            order = np.argsort(-scores[group.name], kind="stable")
            kept[group.name] = sorted(order[:count].tolist())
    return kept


def searched(
    model: ImageModel,
    variables: Any,
    scores: dict[str, np.ndarray],
    budget: Budget,
    batches: Batches,
    evaluations: int,
    seed: int,
    display: Display,
) -> tuple[Narrowed, dict[str, Any]]:
    """The network cut to the best shares that an agent has found, and what the search says.

    Args:
      scores: {group: importance of each channel}.
      batches: the layers are fitted on the first one, and cuts are scored on the others.

    Returns:
      The network, and {"evaluations", "accuracy", "accuracy_of_equal_shares", "ratios"}.

    Raises:
      UserError: a budget that cannot be met, or in another unit.
    """
    check_unit(budget.unit)
    shape = batches[0][0].shape[1:]
    sites = sites_of(model, variables)
    groups = [site.group for site in sites]
    cost = soft_cost(model, sites, shape, budget.unit)
    budget = budget.relative_to(cost.total)
    allotment = Allotment(sites, flat(jax.device_get(variables)), cost, budget.limit)
    remedy = "give another --budget, such as macs:0.5x"
    choices = f"groups that keep from {LEAST:g} to all of their channels"
    budget.check_reachable(allotment.cost_of([]), cost.total, choices, remedy)

    readers = readers_of(model, variables, groups, batches[0][0])
    scorer = Scorer(model, variables, groups, readers, batches[1:])

    def score(counts: Sequence[int]) -> float:
        return scorer(kept_by(groups, scores, counts))

    tried = search(allotment, score, evaluations, seed, display)
    best, kept, (small, cut) = _best_that_shrinks(model, variables, groups, scores, tried)
    fitted = refitted(cut, readers, kept)
    costs = all_costs((model, variables), (small, fitted), shape)
    shares = allotment.shares(best.counts)
    notes = {
        "evaluations": evaluations,
        "accuracy": best.accuracy,
        "accuracy_of_equal_shares": tried[0].accuracy,
        "ratios": {g.name: round(share, 4) for g, share in zip(groups, shares, strict=True)},
    }
    return Narrowed(small, fitted, kept, costs), notes


def _best_that_shrinks(
    model: ImageModel,
    variables: Any,
    groups: Sequence[Group],
    scores: dict[str, np.ndarray],
    tried: Sequence[Tried],
) -> tuple[Tried, Kept, tuple[ImageModel, Any]]:
    """The best choice, its channels, and the smaller network with its cut variables.

    Stages of a ResNet that become equally wide need no shortcut; such a choice has no smaller
    network with the weights of the large one.

    Raises:
      UserError: none of them has one.
    """
    # the first of equals: sorting keeps their order
    for one in sorted(tried, key=lambda one: -one.accuracy):
        kept = kept_by(groups, scores, one.counts)
        try:
            return one, kept, shrink(model, variables, kept)
        except UserError as refusal:
            refused = refusal
    raise refused
