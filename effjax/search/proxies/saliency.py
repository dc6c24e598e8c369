"""Scores of single weights by the loss: plain, SNIP and GraSP, and norms of the gradient.

Each returns a tree like the parameters, with None where a leaf is no weight of a layer; the score
of a network is the sum of the tree.

Several micro-batches are one batch: what is averaged is averaged over all their images. The result
is that of the whole batch wherever the network treats images one by one. Batch norms in train mode
do not: they normalise each micro-batch alone.

SNIP: https://arxiv.org/abs/1810.02340. GraSP: https://arxiv.org/abs/2002.07376. As scores of
networks: Abdelfattah et al., https://arxiv.org/abs/2101.08134.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from effjax.search import saliency
from effjax.search.proxies.network import Apply, Batch, Variables, shares
from effjax.search.proxies.weights import fill_in, layer_weights


def losses(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> list[saliency.Loss]:
    """A function of the weights for each micro-batch; their sum is the mean loss of all images.

    What is no weight of a layer stays as `variables` has it.
    """

    def loss_of(batch: Batch, share: float) -> saliency.Loss:
        def loss(weights: Any) -> Array:
            params = fill_in(variables["params"], weights)
            filled = {**variables, "params": params}
            logits = apply(filled, batch.images, train).logits
            of_images = optax.softmax_cross_entropy_with_integer_labels(logits, batch.labels)
            return share * of_images.mean()

        return loss

    return [loss_of(*pair) for pair in zip(batches, shares(batches), strict=True)]


def gradient(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> Any:
    """The gradient of the mean cross-entropy over all images, for the weights of layers."""
    weights = layer_weights(variables["params"])
    parts = losses(apply, variables, batches, train)
    return saliency.gradient_over(parts, weights)


def plain(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> Any:
    """w g: what the loss would lose, to first order, if the weight went; signed."""
    weights = layer_weights(variables["params"])
    grads = gradient(apply, variables, batches, train)
    return saliency.weight_times_gradient(weights, grads)


def snip(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> Any:
    """|w g|."""
    weights = layer_weights(variables["params"])
    parts = losses(apply, variables, batches, train)
    return saliency.snip(parts, weights)


def grasp(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> Any:
    """-w (H g): how much the gradient's norm would rise if the weight went.

    The published score of networks has this sign; as a score of weights, that of pruning has not.
    """
    weights = layer_weights(variables["params"])
    parts = losses(apply, variables, batches, train)
    kept = saliency.grasp(parts, weights)
    return jax.tree.map(jnp.negative, kept)


def grad_norm(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> Any:
    """The Euclidean norm of the gradient of each layer; the score is their sum."""
    grads = gradient(apply, variables, batches, train)
    return jax.tree.map(lambda g: jnp.linalg.norm(g.ravel()), grads)


def global_grad_norm(
    apply: Apply,
    variables: Variables,
    batches: Sequence[Batch],
    train: bool = True,
) -> Array:
    """One Euclidean norm of the gradient of all parameters, norms and biases too (ZenNAS)."""
    params = variables["params"]
    parts = losses(apply, variables, batches, train)
    grads = saliency.gradient_over(parts, params)
    return optax.global_norm(grads)
