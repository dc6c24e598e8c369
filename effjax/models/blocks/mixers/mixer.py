"""What a token mixer is, and how an architecture names one.

An entry of `architecture.mixers` is a registered name, "package.module:Class" of the user's own, or
either with values for the mixer's own fields: "attention(head_dim=16)".

Shapes: B batch, H W space, C channels.
"""

import ast
import dataclasses
import functools
import sys
import types
import typing
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from flax import linen as nn
from jax import Array

from effjax.errors import UserError, nearest
from effjax.kinds import Misfit, fit
from effjax.models.blocks.arguments import Examples
from effjax.registry import Registry


class TokenMixer(nn.Module):
    """Maps [B, H, W, C] to the same shape. A subclass adds fields with defaults, and `__call__`.

    Attributes:
      kernel_size: the block's window, a side or (height, width); a mixer without one ignores it.
      batch_axis: for a BatchNorm inside of the mixer.
      window: the path inside of the mixer of the layer that has the window, "" for the mixer
        itself; None: it has none, and there is no size to search.
      can_scan: whether equal blocks may be compiled once (`scan`): only if the mixer draws nothing
        at random and keeps no running averages.
      keeps_scales: whether a factor for each channel may as well come before the mixer as after it.
      alike: whether each channel is mixed by itself, all in one way. Channels of several images may
        then lie side by side.
    """

    kernel_size: int | tuple[int, int]
    batch_axis: str | None = None

    window: ClassVar[str | None] = None
    can_scan: ClassVar[bool] = False
    keeps_scales: ClassVar[bool] = False
    alike: ClassVar[bool] = False

    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        """[B, H, W, C] -> [B, H, W, C]; `examples` int32 [B] in training, as layers that drop."""
        raise NotImplementedError


M = TypeVar("M", bound=type[TokenMixer])


def _is_mixer(found: Any) -> bool:
    return isinstance(found, type) and issubclass(found, TokenMixer)


REGISTRY: Registry[type[TokenMixer]] = Registry(
    "token mixer", "package.module:Class, on your PYTHONPATH", _is_mixer, "TokenMixer"
)
MIXERS = REGISTRY.entries
list_mixers = REGISTRY.lines


def register_mixer(name: str, description: str) -> Callable[[M], M]:
    """A decorator that makes a mixer known by `name`, with a line of text for lists.

    Raises ValueError if the name is taken.
    """
    return REGISTRY.register(name, description)


# A block sets these, and flax those: no entry of `mixers` may.
_OF_THE_BLOCK = ("kernel_size", "batch_axis", "parent", "name")


def find_mixer(entry: str) -> functools.partial:
    """What makes the mixer of an entry of `mixers`: call it with `kernel_size` and `name`.

    Raises UserError for an unknown name, and for a field that the mixer has not or that cannot
    have the value.
    """
    name, parenthesis, _ = entry.partition("(")
    if not name:  # as "('pooling',) * 4", which a config's value may not compute
        raise UserError(
            f"token mixer {entry!r}: expected a name\n"
            "write several out, one for each stage: ('pooling', 'pooling', 'attention')"
        )
    mixer = REGISTRY.find(name)
    values = read_fields(entry) if parenthesis else {}
    return functools.partial(mixer, **_fit_fields(entry, mixer, values))


def read_fields(entry: str) -> dict[str, Any]:
    """{field: value} between the parentheses of "name(field=value, ...)"; literals only."""
    _, _, inside = entry.partition("(")
    try:
        # `ast` reads the text and runs nothing of it
        call = ast.parse(f"mixer({inside}", mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            raise ValueError
        fields = {}
        for keyword in call.keywords:
            fields[keyword.arg] = ast.literal_eval(keyword.value)
        return fields
    except (SyntaxError, ValueError):
        raise UserError(
            f"token mixer {entry!r}: expected name(field=value, ...), as attention(head_dim=16)"
        ) from None


def _fit_fields(entry: str, mixer: type[TokenMixer], values: dict[str, Any]) -> dict[str, Any]:
    hints = _own_fields(mixer)
    fitted = {}
    for name, value in values.items():
        if name not in hints:
            raise UserError(f"token mixer {entry!r} has no field {name!r}: {nearest(name, hints)}")
        try:
            fitted[name] = fit(value, hints[name])
        except Misfit as problem:
            raise UserError(f"token mixer {entry!r}: {name} is expected as {problem}") from None
    return fitted


def _own_fields(mixer: type[TokenMixer]) -> dict[str, Any]:
    """{field: annotation} of what an entry of `mixers` may set."""
    annotations = {}
    for field in dataclasses.fields(mixer):
        if field.name not in _OF_THE_BLOCK:
            annotations[field.name] = field.type
    # Annotations may be text (`from __future__ import annotations`). Those of flax's own fields
    # cannot be resolved from here, so the class is not asked as a whole.
    stated = types.SimpleNamespace(__annotations__=annotations)
    names = vars(sys.modules[mixer.__module__])
    return typing.get_type_hints(stated, names, include_extras=True)
