"""Layers fitted anew after channels have gone: what they give should be what they gave before.

AMC's least squares (He et al. 2018, https://arxiv.org/abs/1802.03494), on the images of a run.

Shapes: P sampled positions, I inputs, O outputs of a layer.
"""

import dataclasses
from collections.abc import Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.compress.groups import Group, Member
from effjax.compress.networks import unscanned
from effjax.compress.reconstruct import refit
from effjax.compress.shrink import Kept
from effjax.compress.sites import flat, nested
from effjax.models import ImageModel

POINTS = 4000  # sampled positions of a layer


@dataclasses.dataclass(frozen=True)
class Reader:
    """A linear layer that reads a group of channels.

    Attributes:
      group, member: the group, and the axis of the layer's kernel.
      inputs, outputs: [min(P, I), I] and [min(P, I), O]: what it read and gave before, turned by
        the Q of a QR decomposition: the least squares stay the same, and are solved faster.
    """

    group: Group
    member: Member
    inputs: np.ndarray
    outputs: np.ndarray

    def fitted(self, kept: Sequence[int]) -> np.ndarray:
        """The kernel that gives what the whole one gave, from some of the group's channels."""
        stay = self.member.entries(kept, self.group.size)
        return refit(self.inputs[:, stay], self.outputs)


def readers_of(
    model: ImageModel,
    variables: Any,
    groups: Sequence[Group],
    images: jax.Array,
) -> list[Reader]:
    """The linear layers that read one of some groups, and what they read of images.

    Args:
      model, variables: the network before the cut.
      images: normalised, [B, H, W, C].
    """
    arrays = flat(jax.device_get(variables))
    linear = []
    for group in groups:
        for member in group.members:
            if member.role == "in" and arrays[member.path].ndim == 2:
                linear.append((group, member))
    seen = _inputs(model, variables, {_module(member.path) for _, member in linear}, images)
    rng = np.random.default_rng(0)
    readers = []
    for group, member in linear:
        inputs = np.asarray(seen[_module(member.path)], np.float64)
        inputs = inputs.reshape(-1, inputs.shape[-1])  # [P, I]
        if len(inputs) > POINTS:
            inputs = inputs[rng.choice(len(inputs), POINTS, replace=False)]
        turned = np.linalg.qr(inputs, mode="r")
        readers.append(Reader(group, member, turned, turned @ arrays[member.path]))
    return readers


def refitted(
    small: Any,
    readers: Sequence[Reader],
    kept: Kept,
) -> Any:
    """The cut variables, their linear layers fitted to what the original ones gave.

    Layers are taken one by one: each reads what it read in the original network.

    Args:
      small: the variables that a cut to `kept` has left.
    """
    arrays = flat(jax.device_get(small))
    for reader in readers:
        if reader.group.name in kept:
            path = reader.member.path
            found = reader.fitted(kept[reader.group.name])
            arrays[path] = found.astype(arrays[path].dtype)
    return nested(arrays)


def _module(path: str) -> str:
    return path.removeprefix("params/").removesuffix("/kernel")


def _inputs(
    model: ImageModel,
    variables: Any,
    wanted: Collection[str],
    images: jax.Array,
) -> dict[str, np.ndarray]:
    """{path of a layer: what it reads}."""
    model = unscanned(model)

    @jax.jit
    def read(variables: Any, images: jax.Array) -> dict[str, jax.Array]:
        seen = {}

        def note(method: Any, args: tuple, kwargs: dict, context: Any) -> Any:
            path = "/".join(context.module.path)
            if path in wanted and context.method_name == "__call__":
                seen[path] = args[0]
            return method(*args, **kwargs)

        with nn.intercept_methods(note):
            model.apply(variables, images, train=False)
        return seen

    return jax.device_get(read(variables, jnp.asarray(images)))
