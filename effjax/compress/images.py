"""The first images of a task's training data, for scores that look at a loss."""

import itertools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.models import ImageModel


def first_batches(
    task: Any,
    count: int,
) -> list[tuple[jax.Array, jax.Array]]:
    """(normalised images [B, H, W, C], labels [B]) of the first `count` batches."""
    found = []
    batches = task.split.batches()
    try:
        for batch in itertools.islice(batches, count):
            whole = task.split.unpack({**batch, **task.split.resident})
            found.append((task.images(whole), jnp.asarray(whole["label"])))
    finally:
        batches.close()
    return found


def loss_on(
    model: ImageModel,
    variables: Any,
    batches: list[tuple[jax.Array, jax.Array]],
) -> Callable[[Any], jax.Array]:
    """Parameters -> the mean cross-entropy of some batches, the network in evaluation mode."""

    def loss(params: Any) -> jax.Array:
        total = 0.0
        for images, labels in batches:
            logits = model.apply({**variables, "params": params}, images, train=False)
            total += optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()
        return total / len(batches)

    return loss
