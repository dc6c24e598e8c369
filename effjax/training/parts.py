"""Parts of a group of parameters that begin to learn one after another (`Task.waiting`).

Each part has an optimizer of its own, made as the group's entry of `config.optim` says. So the
state of a part that waits stays as it was made, and its counts begin with its first update. What is
a number of the whole group, its norm, is taken over all its parts that learn.
"""

import re
from collections.abc import Container, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax import optim
from effjax.errors import UserError

LABEL = re.compile(r"(\w+)_part(\d+)")


def part_label(group: str, number: int) -> str:
    """The label of a part; part 0, which never waits, has that of the group."""
    return f"{group}_part{number}" if number else group


def group_of(label: str, groups: Container[str]) -> str:
    """The entry of `config.optim` that serves a label."""
    part = LABEL.fullmatch(label)
    if label in groups or part is None:  # a part may be given an entry of its own
        return label
    return part[1]


def check_parts(group: str, optimizer: str, hyperparameters: Mapping[str, Any]) -> None:
    """Refuses an optimizer that takes one number over all parameters of a group with parts.

    Raises:
      UserError: naming the optimizer.
    """
    if optim.ties_leaves(optimizer, hyperparameters):
        raise UserError(
            f"config.optim.{group}: {optimizer} takes one number over all its parameters, which "
            "parts that begin one after another do not have\ntake one that treats each parameter "
            "by itself, such as adamw, and clip by config.optim.default.clip_norm"
        )


def clip_together(parts: Sequence[Any], max_norm: float) -> list[Any]:
    """Gradients of several parts, scaled to at most this L2 norm of all together."""
    norm = optax.tree.norm(list(parts))
    is_small = norm < max_norm

    def clip(g: jax.Array) -> jax.Array:
        # as `optax.clip_by_global_norm` does
        return jnp.where(is_small, g, (g / norm.astype(g.dtype)) * max_norm)

    return [jax.tree.map(clip, part) for part in parts]
