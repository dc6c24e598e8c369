"""A network as zero-cost scores see it: a function of variables and images.

Shapes: B batch, H W space, C channels, K classes.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models import ImageModel
from effjax.models.blocks.drops import Dropout, StochasticDepth

Variables = dict[str, Any]
LAST_STAGE = "stage"  # the maps of an ImageModel are stage1, stage2, ...


class Batch(NamedTuple):
    """Images [B, H, W, C] as the network takes them, and their labels int [B]."""

    images: Array
    labels: Array


class Pass(NamedTuple):
    """What one pass through a network gives.

    Attributes:
      logits: [B, K].
      last_map: [B, H, W, C], or tokens [B, N, C]: the map before pooling.
      variables: those that came in, with the running averages after the pass.
    """

    logits: Array
    last_map: Array
    variables: Variables


class Apply(Protocol):
    """Runs a network; in `train` mode batch norms normalise by the batch."""

    def __call__(self, variables: Variables, images: Array, train: bool) -> Pass: ...


def apply_of(model: ImageModel) -> Apply:
    """The function that runs an image model, in the dtype of the images that come.

    Nothing is dropped: a score is of the network, not of one draw.
    """

    def apply(variables: Variables, images: Array, train: bool) -> Pass:
        run = model.clone(dtype=images.dtype)
        given = {name: tree for name, tree in variables.items() if name != "params"}
        with nn.intercept_methods(without_drops):
            outputs, updated = run.apply(
                variables,
                images,
                train,
                mutable=list(given),
                method="_forward",
                examples=None,
                # of blocks that are scanned, which draw a key whether it serves or not
                rngs={"dropout": jax.random.key(0)},
            )
        logits, features = outputs
        stages = [name for name in features if name.startswith(LAST_STAGE)]
        return Pass(logits, features[stages[-1]], {**variables, **updated})

    return apply


def without_drops(
    call: Callable[..., Any],
    args: tuple,
    kwargs: dict[str, Any],
    context: nn.module.InterceptorContext,
) -> Any:
    """An interceptor: layers that drop at random hand on what they are given."""
    drops = isinstance(context.module, Dropout | StochasticDepth)
    if drops and context.method_name == "__call__":
        return args[0]
    return call(*args, **kwargs)


def as_float64(variables: Variables) -> Variables:
    """The variables with all floating numbers in 64 bits; call it where JAX has them enabled."""

    def widen(leaf: Array) -> Array:
        leaf = jnp.asarray(leaf)
        is_float = jnp.issubdtype(leaf.dtype, jnp.floating)
        return leaf.astype(jnp.float64) if is_float else leaf

    return jax.tree.map(widen, variables)


def split(batch: Batch, parts: int) -> list[Batch]:
    """The batch cut into consecutive micro-batches of about one size."""
    images = jnp.array_split(batch.images, parts)
    labels = jnp.array_split(batch.labels, parts)
    return [Batch(*pair) for pair in zip(images, labels, strict=True)]


def shares(batches: Sequence[Batch]) -> list[float]:
    """The share of all images that each micro-batch has: the weights of a mean over images."""
    total = sum(len(batch.labels) for batch in batches)
    return [len(batch.labels) / total for batch in batches]
