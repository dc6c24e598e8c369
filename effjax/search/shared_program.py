"""Networks of a space that differ in their token mixers alone, as one program.

A block's mixer becomes `one_of` all that the space may put there, and a number among the variables
says which. What is compiled once then trains and scores hundreds of networks.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp

from effjax.models.architecture import entries, override
from effjax.models.blocks.mixers.one_of import CHOICES
from effjax.search.choices import MIXER, read_path, values_of
from effjax.search.space import ArchSpace, Point

MIXERS = "mixers"
WINDOWS = "kernel_sizes"
Option = tuple[str, Any]  # a mixer and its window


def shared_architecture(space: ArchSpace, point: Point, mixer: str = "one_of") -> Any:
    """The architecture of all points that differ from this one in their mixers alone.

    Args:
      mixer: "one_of", or "weighted_sum" for a network that has all of them at once.
    """
    architecture = space.decode(point)
    options = mixer_options(space, architecture)
    if not options:
        return architecture
    stages = []
    for stage, depth in enumerate(architecture.depths):
        blocks = [entry_of(mixer, options[stage, block]) for block in range(depth)]
        stages.append(tuple(blocks))
    # an option has a window of its own; the block's serves nothing
    windows = {WINDOWS: (3,) * len(stages)}
    return override(architecture, {MIXERS: tuple(stages), **windows})


def choice_variables(space: ArchSpace, point: Point) -> dict[str, Any]:
    """The variables that make the network of `one_of` that of a point; {} if no mixer is chosen."""
    architecture = space.decode(point)
    leaves = {}
    for block, known in mixer_options(space, architecture).items():
        index = known.index(own_option(architecture, *block))
        leaves[block] = {"index": jnp.int32(index)}
    return choice_tree(leaves) if leaves else {}


def choice_tree(leaves: Mapping[tuple[int, int], Any]) -> dict[str, Any]:
    """The collection `choices` of {(stage, block): what the block's mixer has there}."""
    tree: dict[str, Any] = {}
    for (stage, block), leaf in leaves.items():
        blocks = tree.setdefault(f"stages_{stage}", {})
        blocks[f"blocks_{block}"] = {"token_mixer": leaf}
    return {CHOICES: tree}


def entry_of(mixer: str, options: Sequence[Option]) -> str:
    """The entry of `mixers` for a mixer that has several options, such as "one_of"."""
    names = tuple(name for name, _ in options)
    windows = tuple(window for _, window in options)
    return f"{mixer}(options={names!r}, windows={windows!r})"


def mixer_options(space: ArchSpace, architecture: Any) -> Mapping[tuple[int, int], list[Option]]:
    """{(stage, block): what may stand there}; empty where no mixer is chosen."""
    chosen = []
    for choice in space.choices:
        place = read_path(choice.path)
        if place.field == MIXER:
            chosen.append((place, choice.options))
    if not chosen:
        return {}
    found: dict[tuple[int, int], list[Option]] = {}
    for stage, depth in enumerate(architecture.depths):
        for block in range(depth):
            known = set()
            for place, options in chosen:
                if place.stage == stage and place.block in (None, block):
                    known |= {option_of(space, stage, option) for option in options}
            # a mixer that is not chosen, or stands in a stage of another choice
            known.add(own_option(architecture, stage, block))
            found[stage, block] = sorted(known)
    return found


def option_of(space: ArchSpace, stage: int, option: str) -> Option:
    """The mixer and the window that an option of a choice stands for."""
    values = values_of(read_path("stages_0.mixer"), option)
    window = values.get(WINDOWS, entries(space.base, WINDOWS, stage)[0])
    return values[MIXERS], window


def own_option(architecture: Any, stage: int, block: int) -> Option:
    """The mixer and the window of one block."""
    mixer = entries(architecture, MIXERS, stage)[block]
    return mixer, entries(architecture, WINDOWS, stage)[block]
