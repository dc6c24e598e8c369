"""A network whose channels pass gates: the weights that read a channel are scaled by its gate.

Shapes: N channels of a group.
"""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp

from effjax.compress.groups import Group, Member

Arrays = Mapping[str, jax.Array]


def gated(
    arrays: Arrays,
    groups: Sequence[Group],
    gates: Sequence[jax.Array],
) -> dict[str, jax.Array]:
    """Arrays under gates [N] of each group; gates of 0 and 1 give those of `groups.silence`."""
    found = dict(arrays)
    for group, gate in zip(groups, gates, strict=True):
        for member in group.members:
            if member.role == "in":
                found[member.path] = found[member.path] * _along(member, gate, found[member.path])
    return found


def _along(
    member: Member,
    gate: jax.Array,
    array: jax.Array,
) -> jax.Array:
    """The gates along the member's axis, of the rank of its array."""
    entries = jnp.tile(jnp.repeat(gate, member.unit), member.repeats)
    shape = [1] * array.ndim
    shape[member.axis] = entries.size
    return entries.reshape(shape).astype(array.dtype)


def channel_norms(
    arrays: Arrays,
    group: Group,
) -> jax.Array:
    """[N]: the norm of the weights that give each channel."""
    giver = group.members[0]
    moved = jnp.moveaxis(arrays[giver.path], giver.axis, 0)
    parts = moved.reshape(giver.repeats, group.size, -1)  # queries, keys and values one by one
    return jnp.sqrt((parts**2).sum((0, 2)))
