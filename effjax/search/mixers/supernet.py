"""A MetaFormer whose searched blocks run all mixers that a space may put there.

Each block's mixer becomes `weighted_sum` of its options, whose weights are variables.

Shapes: O options of a choice.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from effjax.models.architecture import entries, override
from effjax.models.blocks.mixers.one_of import CHOICES
from effjax.search.cells.bilevel import Weights
from effjax.search.choices import MIXER, read_path
from effjax.search.shared_program import MIXERS, Option, choice_tree, entry_of, own_option
from effjax.search.space import ArchSpace, Point

# the groups of PR-DARTS
SKIP, POOL, MIXING = "skip", "pool", "mixing"


@dataclasses.dataclass(frozen=True)
class SearchedBlock:
    """A block whose mixer is chosen.

    Attributes:
      stage, block: where it is.
      choice: the path of the choice that decides it.
      options: (mixer, window) of each option of the choice.
    """

    stage: int
    block: int
    choice: str
    options: tuple[Option, ...]

    @property
    def groups(self) -> tuple[str, ...]:
        """The group of each option: identity is the skip, and what is no pooling mixes."""
        found = []
        for mixer, _ in self.options:
            name, _, _ = mixer.partition("(")
            found.append({"identity": SKIP, "pooling": POOL}.get(name, MIXING))
        return tuple(found)


def blocks_of(space: ArchSpace, point: Point) -> tuple[SearchedBlock, ...]:
    """The blocks of a point's network whose mixers the space chooses, in their order."""
    decided: dict[tuple[int, int], int] = {}
    places = [(number, read_path(choice.path)) for number, choice in enumerate(space.choices)]
    mixers = [(number, place) for number, place in places if place.field == MIXER]
    depths = space.decode(point).depths if mixers else ()
    # the choices of single blocks last: they say more than those of their stage
    for number, place in sorted(mixers, key=lambda pair: pair[1].block is not None):
        depth = depths[place.stage]
        for block in range(depth) if place.block is None else [place.block]:
            if block < depth:
                decided[place.stage, block] = number
    found = []
    for (stage, block), number in sorted(decided.items()):
        choice = space.choices[number]
        options = []
        for index in range(len(choice.options)):
            changed = (*point[:number], index, *point[number + 1 :])
            options.append(own_option(space.decode(changed), stage, block))
        found.append(SearchedBlock(stage, block, choice.path, tuple(options)))
    return tuple(found)


def mixed_architecture(architecture: Any, blocks: Sequence[SearchedBlock]) -> Any:
    """`architecture` with all options at once in its searched blocks."""
    stages = []
    for stage in range(len(architecture.depths)):
        stages.append(list(entries(architecture, MIXERS, stage)))
    for block in blocks:
        stages[block.stage][block.block] = entry_of("weighted_sum", block.options)
    return override(architecture, {MIXERS: tuple(tuple(stage) for stage in stages)})


def weights_tree(blocks: Sequence[SearchedBlock], weights: Weights) -> dict[str, Any]:
    """The collection `choices` of operation weights {choice: [O]}."""
    leaves = {}
    for block in blocks:
        leaves[block.stage, block.block] = {"weights": weights[block.choice]}
    return choice_tree(leaves)


def handed_over(
    variables: Mapping[str, Any], blocks: Sequence[SearchedBlock], chosen: Mapping[str, int]
) -> dict[str, Any]:
    """The variables of the network that has the chosen mixers alone, from those of the supernet.

    Args:
      chosen: {choice: the index of its option}.
    """
    found = {}
    for collection, tree in variables.items():
        if collection == CHOICES:
            continue
        kept = tree
        for block in blocks:
            path = (f"stages_{block.stage}", f"blocks_{block.block}", "token_mixer")
            kept = _with_option(kept, path, f"option{chosen[block.choice]}")
        found[collection] = kept
    return found


def _with_option(tree: Mapping[str, Any], path: tuple[str, ...], option: str) -> dict[str, Any]:
    """`tree` with one option's variables in the place of all; without any if it has none."""
    first, *rest = path
    kept = dict(tree)
    if first not in kept:
        return kept
    part = _with_option(kept[first], tuple(rest), option) if rest else kept[first].get(option)
    # flax makes no entry for a module without variables
    if part:
        kept[first] = part
    else:
        del kept[first]
    return kept
