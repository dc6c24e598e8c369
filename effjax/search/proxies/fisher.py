"""Fisher information of channels (Turner et al., https://arxiv.org/abs/1906.04113).

Shapes: B batch, ... any positions, C channels.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax import Array

from effjax.search.proxies.network import Apply, Batch, Variables
from effjax.search.proxies.weights import by_layer, layer_weights


def fisher(
    apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True
) -> dict[str, Array]:
    """{layer: [C]}: half the mean over images of (sum over positions of a dL/da) squared.

    `a` is the output of a convolution or a linear layer, its bias included; L is the mean loss over
    the images of all micro-batches.
    """
    count = sum(len(batch.labels) for batch in batches)
    layers = by_layer(layer_weights(variables["params"]))
    whole: dict[str, Array] = {}
    for batch in batches:
        for name, part in _of_batch(apply, variables, batch, train, layers, count).items():
            whole[name] = whole.get(name, 0.0) + part
    return whole


def fisher_by_weights(
    apply: Apply, variables: Variables, batches: Sequence[Batch], train: bool = True
) -> dict[str, Array]:
    """{layer: [C]}, each channel times the number of its weights: the published sum over weights.

    It counts a layer the more, the more inputs its channels have.
    """
    channels = fisher(apply, variables, batches, train)
    weights = by_layer(layer_weights(variables["params"]))
    weighted = {}
    for name, of_channel in channels.items():
        weighted[name] = of_channel * (weights[name].size // weights[name].shape[-1])
    return weighted


def _of_batch(
    apply: Apply,
    variables: Variables,
    batch: Batch,
    train: bool,
    layers: dict[str, Array],
    count: int,
) -> dict[str, Array]:
    """The sums over one micro-batch, divided by the number of images of all."""
    outputs: dict[str, Array] = {}

    def run(shifts: dict[str, Array]) -> tuple[Array, dict[str, Array]]:
        outputs.clear()

        def shift(call: Any, args: Any, kwargs: Any, context: Any) -> Any:
            y = call(*args, **kwargs)
            name = "/".join(context.module.path)
            if context.method_name != "__call__" or name not in layers:
                return y
            outputs[name] = y
            return y + shifts[name] if name in shifts else y

        with nn.intercept_methods(shift):
            logits = apply(variables, batch.images, train).logits
        losses = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
        # one image's gradient is that of the mean over all images
        return losses.sum() / count, dict(outputs)

    _, shapes = jax.eval_shape(run, {})
    shifts = {name: jnp.zeros(leaf.shape, leaf.dtype) for name, leaf in shapes.items()}
    grads, values = jax.grad(run, has_aux=True)(shifts)
    sums = {}
    for name, value in values.items():
        product = value * grads[name]  # [B, ..., C]
        positions = tuple(range(1, product.ndim - 1))
        # the sum over images and not the mean: the caller divides by the images of all batches
        sums[name] = 0.5 * jnp.square(product.sum(positions)).sum(0) / count
    return sums
