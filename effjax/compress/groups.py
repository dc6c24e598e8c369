"""Channels that go together: what has to be cut where one of them is removed.

A group is a set of channels of one width. Its members are the axes of parameters that have an entry
for each of them: the outputs of one layer, the norm behind it, the inputs of the next.

Shapes: N channels of a group; a member's axis has N * unit * repeats entries.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np

Role = Literal["out", "in", "norm", "with"]


@dataclasses.dataclass(frozen=True)
class Member:
    """One axis of one array.

    Attributes:
      path: of the array.
      axis: the axis that has entries for the channels; negative ones count from the end.
      role: whether the array gives the channels, takes them, scales each of them, or only goes
        along (shifts, running averages), which says nothing of their importance.
      unit: consecutive entries of a channel, such as those of an attention head.
      repeats: how often all channels stand one after another, such as for queries, keys and values.
      layer: the kind of its layer, such as "conv"; groups of the same kinds are compared.
    """

    path: str
    axis: int
    role: Role
    unit: int = 1
    repeats: int = 1
    layer: str = ""

    def entries(
        self,
        channels: Sequence[int],
        size: int,
    ) -> np.ndarray:
        """The entries of the axis that belong to some of `size` channels."""
        within = np.arange(self.unit)
        of_one = np.asarray(channels, int)[:, None] * self.unit + within  # [N, unit]
        starts = np.arange(self.repeats)[:, None, None] * size * self.unit
        return (starts + of_one[None]).ravel()

    def rows(
        self,
        array: Any,
        size: int,
    ) -> np.ndarray:
        """[N, ...]: what the array holds for each channel."""
        moved = np.moveaxis(np.asarray(array), self.axis, 0)
        split = moved.reshape(self.repeats, size, self.unit, -1)
        return split.transpose(1, 0, 2, 3).reshape(size, -1)


@dataclasses.dataclass(frozen=True)
class Group:
    """Channels that go together.

    Attributes:
      name: of the layer that gives them.
      size: how many there are.
      members: all axes that have entries for them.
      least: how many have to stay.
    """

    name: str
    size: int
    members: tuple[Member, ...]
    least: int = 1

    def structure(self) -> tuple:
        """The same for groups whose members are of the same kinds, in the same order."""
        return tuple((member.layer, member.role) for member in self.members)


def kept_of(
    group: Group,
    removed: Sequence[int],
) -> list[int]:
    """The channels that stay, ascending."""
    gone = set(removed)
    return [channel for channel in range(group.size) if channel not in gone]


def cut(
    arrays: Mapping[str, Any],
    groups: Sequence[Group],
    kept: Mapping[str, Any],
) -> dict:
    """Smaller arrays: of every group in `kept` the named channels alone.

    Args:
      arrays: {path: array}.
      kept: {name of a group: its channels that stay}.
    """
    found = dict(arrays)
    for group in groups:
        if group.name not in kept:
            continue
        for member in group.members:
            entries = member.entries(kept[group.name], group.size)
            found[member.path] = np.take(np.asarray(found[member.path]), entries, member.axis)
    return found


def silence(
    arrays: Mapping[str, Any],
    groups: Sequence[Group],
    kept: Mapping[str, Any],
) -> dict:
    """Arrays of the same shapes, in which nothing reads a channel that is not kept.

    The weights that take it are 0, so that whatever it holds has no effect.
    """
    found = dict(arrays)
    for group in groups:
        if group.name not in kept:
            continue
        stays = set(kept[group.name])
        gone = [channel for channel in range(group.size) if channel not in stays]
        for member in group.members:
            if member.role != "in":
                continue
            array = np.array(found[member.path])
            moved = np.moveaxis(array, member.axis, 0)
            moved[member.entries(gone, group.size)] = 0.0
            found[member.path] = array
    return found
