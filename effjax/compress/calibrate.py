"""What the inputs of layers reach: limits, measured on images.

Shapes: B batch, H W space.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.compress.quantised import LIMIT, LIMITS, PRODUCT, in_float
from effjax.models import ImageModel


def _observe(
    call: Callable[..., Any],
    args: tuple,
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    """For `Network.interceptor`: keeps the largest |x| of every layer's input."""
    if context.method_name == PRODUCT:
        largest = jnp.abs(args[0]).max().astype(jnp.float32)
        layer = context.module
        # a layer that is used twice has one limit
        before = layer.get_variable(LIMITS, LIMIT, default=jnp.zeros(()))
        layer.put_variable(LIMITS, LIMIT, jnp.maximum(before, largest))
    return call(*args, **kwargs)


def calibrate(
    model: ImageModel,
    variables: Any,
    batches: Iterable[Array],
) -> Any:
    """The collection "limits" over some batches of normalised images [B, H, W, 3].

    The network is run in floating point, as in evaluation.
    """
    rest = {name: tree for name, tree in variables.items() if name != LIMITS}
    observe = _observer(model)
    limits = None
    for images in batches:
        found = observe(rest, images)
        limits = found if limits is None else jax.tree.map(jnp.maximum, limits, found)
    return limits


@functools.lru_cache(maxsize=4)
def _observer(model: ImageModel) -> Callable[[Any, Array], Any]:
    """One compiled program for a model: a run calibrates more than once."""
    observing = in_float(model).clone(interceptor=_observe)

    def observe(variables: Any, images: Array) -> Any:
        _, found = observing.apply(variables, images, train=False, mutable=[LIMITS])
        return found[LIMITS]

    return jax.jit(observe)
