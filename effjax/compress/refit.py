"""Layers fitted anew after channels have gone: what they give should be what they gave before.

AMC's least squares (He et al. 2018, https://arxiv.org/abs/1802.03494), on the images of a run.

Shapes: P sampled positions, I inputs, O outputs of a layer.
"""

from collections.abc import Collection, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.compress.networks import unscanned
from effjax.compress.reconstruct import refit
from effjax.compress.shrink import Kept
from effjax.compress.sites import Site, flat, nested
from effjax.models import ImageModel

POINTS = 4000  # sampled positions of a layer


def refitted(
    model: ImageModel,
    variables: Any,
    small: Any,
    sites: Sequence[Site],
    kept: Kept,
    images: jax.Array,
) -> Any:
    """The cut variables, their linear layers fitted to what the original ones give.

    Layers are taken one by one: each reads what it read in the original network.

    Args:
      model, variables: the original network.
      small: the variables that a cut to `kept` has left.
      images: normalised, [B, H, W, C].
    """
    before = flat(jax.device_get(variables))
    after = flat(jax.device_get(small))
    readers = []
    for site in sites:
        for member in site.group.members:
            is_linear = member.role == "in" and before[member.path].ndim == 2
            if is_linear and site.group.name in kept:
                readers.append((site.group, member))
    seen = _inputs(model, variables, {_module(member.path) for _, member in readers}, images)
    rng = np.random.default_rng(0)
    for group, member in readers:
        inputs = np.asarray(seen[_module(member.path)], np.float64)
        inputs = inputs.reshape(-1, inputs.shape[-1])  # [P, I]
        if len(inputs) > POINTS:
            inputs = inputs[rng.choice(len(inputs), POINTS, replace=False)]
        kernel = before[member.path]
        stay = member.entries(kept[group.name], group.size)
        found = refit(inputs[:, stay], inputs @ kernel)
        after[member.path] = found.astype(kernel.dtype)
    return nested(after)


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
