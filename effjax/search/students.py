"""Children made as N2N makes students: some layers go, then what is left shrinks.

N2N Learning: Network to Network Compression via Policy Gradient Reinforcement Learning (Ashok et
al. 2018), https://arxiv.org/abs/1709.06030, has two agents, LSTMs that learn by REINFORCE: one
marks layers that go, the other gives each of the rest a size. Here draws stand for the agents, and
the selection of evolution for what they learn; that is ours.

    child = make_student(space, parent, rng)
"""

import numpy as np

from effjax.search.choices import Choice
from effjax.search.points import Point, Space

DEPTH = "depths"  # blocks of a stage
# options that leave the input as it is, or let nothing pass
NO_LAYER = ("identity", "skip_connect", "none")


def removing_options(choice: Choice, index: int) -> list[int]:
    """Options of a choice that have fewer layers than option `index`."""
    if choice.path.partition(".")[0] == DEPTH:
        return smaller_options(choice, index)
    if choice.options[index] in NO_LAYER:
        return []
    return [place for place, option in enumerate(choice.options) if option in NO_LAYER]


def smaller_options(choice: Choice, index: int) -> list[int]:
    """Options that are smaller numbers than option `index`; [] where options are no numbers."""
    if not all(_is_number(option) for option in choice.options):
        return []
    own = choice.options[index]
    return [place for place, option in enumerate(choice.options) if option < own]


def _is_number(option: object) -> bool:
    return isinstance(option, int | float) and not isinstance(option, bool)


def make_student(space: Space, parent: Point, rng: np.random.Generator) -> Point:
    """A smaller child of a point: layers go, then what is left shrinks, on average one of each.

    Returns:
      A point none of whose numbers is larger; the parent where it has nothing to lose.
    """
    removing = []
    shrinking = []
    for choice, index in zip(space.choices, parent):
        removes = removing_options(choice, index)
        removing.append(removes)
        # blocks of a stage are layers, which the first part takes
        shrinking.append([] if removes else smaller_options(choice, index))
    without = _take_some(space, parent, removing, rng)
    return _take_some(space, without, shrinking, rng)


def _take_some(
    space: Space,
    point: Point,
    options: list[list[int]],
    rng: np.random.Generator,
) -> Point:
    """One of the options at some of the choices that have any, on average at one of them."""
    idle = space.is_idle(point)
    places = [place for place, found in enumerate(options) if found and not idle[place]]
    if not places:
        return point
    taken = [place for place in places if rng.random() < 1 / len(places)]
    if not taken:
        # a student is smaller than its teacher
        taken = [places[int(rng.integers(len(places)))]]
    child = list(point)
    for place in taken:
        child[place] = int(rng.choice(options[place]))
    changed = space.canonical(tuple(child))
    return changed if space.is_valid(changed) else point
