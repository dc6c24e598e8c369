"""Image models as functions of their weights: what scores and path counts need.

Shapes: B batch, H W space, C channels, K classes.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.compress.masks import insert
from effjax.compress.programs import Program, make_program
from effjax.errors import UserError
from effjax.models import ImageModel
from effjax.models.blocks.plain import plain_layers
from effjax.optim import parameter_paths

ZERO = ("bias", "embed", "token", "table")  # parts of names of what is added to a network's numbers


def _without_norms(
    method: Callable[..., Any],
    args: tuple,
    kwargs: dict,
    context: nn.module.InterceptorContext,
) -> Any:
    """Plain layers, and of a norm its input."""
    is_norm = type(context.module).__name__.endswith("Norm")
    if is_norm and context.method_name == "__call__":
        return args[0]
    return plain_layers(method, args, kwargs, context)


def path_program(
    model: ImageModel,
    variables: Any,
    image_shape: tuple[int, int, int],
) -> Program:
    """The paths of an image model: norms left out, kernels and scales 1, what is added 0.

    Raises:
      UserError: an operation through which paths cannot be counted.
    """
    model = unscanned(model)
    params = variables["params"]
    rest = {name: part for name, part in variables.items() if name != "params"}
    rest = jax.tree.map(jnp.ones_like, rest)
    weights = {}
    for path, leaf in zip(parameter_paths(params), jax.tree.leaves(params), strict=True):
        name = path.rpartition("/")[2]
        start = jnp.zeros if any(part in name for part in ZERO) else jnp.ones
        weights[path] = start(leaf.shape, jnp.result_type(float))

    def network(
        values: Mapping[str, Any],
        images: Any,
    ) -> Any:
        with nn.intercept_methods(_without_norms):
            return model.apply({"params": insert(params, values), **rest}, images, train=False)

    return make_program(network, weights, jnp.ones((1, *image_shape)))


def unscanned(model: ImageModel) -> ImageModel:
    """The same network with every block written out."""
    architecture = model.architecture
    changed = {"dtype": jnp.result_type(float)}
    if getattr(architecture, "scan", False):
        changed["architecture"] = dataclasses.replace(architecture, scan=False)
    return model.clone(**changed)


def losses_over(
    model: ImageModel,
    variables: Any,
    batches: Iterator[tuple[jax.Array, jax.Array]],
    temperature: float = 1.0,
) -> list[Callable[[Mapping[str, Any]], jax.Array]]:
    """For each batch: weights -> the mean cross-entropy, the network in evaluation mode.

    Args:
      batches: (normalised images [B, H, W, C], labels [B]).
      temperature: logits are divided by it.
    """

    def loss_of(
        images: jax.Array,
        labels: jax.Array,
    ) -> Callable[[Mapping[str, Any]], jax.Array]:
        def loss(weights: Mapping[str, Any]) -> jax.Array:
            params = insert(variables["params"], weights)
            with nn.intercept_methods(plain_layers):  # twice differentiable
                logits = model.apply({**variables, "params": params}, images, train=False)
            chosen = jax.nn.log_softmax(logits / temperature)
            of_label = jnp.take_along_axis(chosen, labels[:, None], axis=-1)
            return -of_label.mean()

        return loss

    found = [loss_of(images, labels) for images, labels in batches]
    if not found:
        raise UserError("no batch of images was given to score weights by")
    return found
