"""Zero-Cost-PT on token mixers: a supernet of all mixers, decided block by block.

Xiang et al., https://arxiv.org/abs/2106.13219. The score is naswot's ln det K in evaluation mode:
in spite of the paper's name for it ("jacob") no Jacobian is taken.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp

from effjax.errors import UserError
from effjax.models import create_model
from effjax.models.registry import fields_of
from effjax.ranges import Count
from effjax.search.choices import MIXER, read_path
from effjax.search.problem import Problem
from effjax.search.proxies.network import Apply, Batch, Variables, apply_of
from effjax.search.proxies.patterns import naswot
from effjax.search.proxies.perturbation import Decision, Order
from effjax.search.proxies.perturbation import perturb as decide
from effjax.search.registry import STRATEGIES, Chosen
from effjax.search.shared_program import choice_tree, mixer_options, option_of, shared_architecture
from effjax.search.space import ArchSpace, Point


@STRATEGIES.register("perturb", "mixers whose absence from a supernet lowers a score most")
def perturb(
    problem: Problem,
    *,
    order: Order = "random",
    proposals: Count = 3,
    images: Count = 32,
) -> Chosen:
    """Decides block by block, several times, and takes the proposal with the best score alone.

    Args:
      order: of the blocks, see `effjax.search.proxies.perturbation`.
      proposals: how often all blocks are decided, each time with other weights and, in a random
        order, another order.
      images: training images that the score looks at.

    Raises:
      UserError: something else than mixers of blocks is chosen, or no proposal is allowed.
    """
    _check_choices(problem.space)
    batch = Batch(*(jnp.asarray(part) for part in problem.batch(0, images)))
    counts = [len(choice.options) for choice in problem.space.choices]
    found: dict[Point, list[Decision]] = {}
    for number in range(proposals):
        supernet = Supernet(problem, batch, number)
        edges = problem.rng.permutation(len(counts)).tolist()
        decisions = decide(supernet.score, counts, order, edges)
        # decisions come in the order of `edges`, a point has them in that of the choices
        in_order = sorted(decisions, key=lambda decision: decision.edge)
        point = tuple(decision.option for decision in in_order)
        found[point] = decisions
    allowed = [point for point in found if problem.allows(point)]
    if not allowed:
        raise UserError(
            f"none of the {len(found)} proposals of perturb is within the budget\n"
            "raise the budget, or give more: --set=proposals=10"
        )
    scores = {point: _alone(problem, point, batch) for point in allowed}
    best = max(allowed, key=lambda point: scores[point])
    problem.evaluate(best)
    decisions = [dataclasses.asdict(decision) for decision in found[best]]
    return Chosen(best, notes={"order": order, "score": scores[best], "decisions": decisions})


class BlockChoice(NamedTuple):
    """A choice of the space: its block, and where its options stand among the block's mixers."""

    block: tuple[int, int]  # (stage, number in the stage)
    places: list[int]


class Supernet:
    """A network with all mixers in every block that chooses, at one draw of its weights."""

    def __init__(self, problem: Problem, batch: Batch, number: int):
        space = problem.space
        first = (0,) * len(space.choices)
        architecture = shared_architecture(space, first, "weighted_sum")
        classes = problem.model(first).num_classes
        model = create_model(space.name, classes, **fields_of(architecture))
        key = jax.random.fold_in(jax.random.key(problem.seed), number)
        self._variables: Variables = jax.jit(model.init)(key, batch.images[:1])
        self._apply: Apply = apply_of(model)
        self._batch = batch
        mixers = mixer_options(space, space.decode(first))
        self._counts = {block: len(options) for block, options in mixers.items()}
        self._choices: list[BlockChoice] = []
        for choice in space.choices:
            place = read_path(choice.path)
            block = place.stage, place.block
            options = [option_of(space, place.stage, name) for name in choice.options]
            mixer_places = [mixers[block].index(option) for option in options]
            self._choices.append(BlockChoice(block, mixer_places))

    def score(self, decided: Mapping[int, int], edge: int, option: int) -> float:
        """ln det K without one option of a choice; those of decided choices are alone.

        Args:
          decided: {choice: its option}.
          edge, option: the choice and the option that is left out.
        """
        leaves = {}
        for block, count in self._counts.items():
            # a block that chooses nothing has one mixer
            leaves[block] = {"weights": _ones_at(count, [0])}
        for number, choice in enumerate(self._choices):
            options = [decided[number]] if number in decided else range(len(choice.places))
            # the others keep their weights: nothing is rescaled when one is left out
            share = 1 / len(options)
            kept = [index for index in options if (number, index) != (edge, option)]
            places = [choice.places[index] for index in kept]
            weights = share * _ones_at(self._counts[choice.block], places)
            leaves[choice.block] = {"weights": weights}
        variables = {**self._variables, **choice_tree(leaves)}
        return naswot(self._apply, variables, [self._batch], train=False)


def _ones_at(count: int, places: Sequence[int]) -> jax.Array:
    """Zeros [count] with ones at some places."""
    return jnp.zeros(count).at[jnp.asarray(places, int)].set(1.0)


def _check_choices(space: ArchSpace) -> None:
    """Refuses choices that are not the mixer of one block."""
    for choice in space.choices:
        place = read_path(choice.path)
        if place.field != MIXER or place.block is None:
            raise UserError(
                f"perturb decides the mixers of blocks, and {choice.path} is something else\n"
                "give choices such as stages_0.blocks_1.mixer, or another --strategy"
            )


def _alone(problem: Problem, point: Point, batch: Batch) -> float:
    """The score of a proposal by itself."""
    model = problem.model(point)
    variables = jax.jit(model.init)(jax.random.key(problem.seed), batch.images[:1])
    return naswot(apply_of(model), variables, [batch], train=False)
