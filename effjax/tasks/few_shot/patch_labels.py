"""SUN: a teacher's classifier labels every patch, and the student learns these labels too.

Self-Promoted Supervision for Few-Shot Transformer, Dong et al. 2022,
https://arxiv.org/abs/2203.07057.

Shapes: B batch, P places of the map, C classes.
"""

from typing import Literal

import jax
import jax.numpy as jnp
from jax import Array

Background = Literal["class1", "extra"]


def background_places(logits: Array, count: int) -> Array:
    """bool [B, P]: the `count` places of each image whose largest logit [B, P, C] is smallest."""
    certainty = logits.max(-1)
    rank = jnp.argsort(jnp.argsort(certainty, axis=1), axis=1)
    return rank < count


def patch_targets(
    logits: Array,
    classes_of_patch: int = 5,
    background: int = 10,
    smoothing: float = 0.1,
    label: Background = "extra",
) -> Array:
    """[B, P, C + 1]: what the student is to say of each place, from the teacher's logits.

    The largest classes of a place get 1 - s + s / C each, all others s / C: the sum is about
    `classes_of_patch`, as published. A background place gets one class.

    Args:
      logits: [B, P, C].
      background: places of each image that are background.
      label: "extra", class C, as the paper has it; "class1", as the authors' code has it.
    """
    classes = logits.shape[-1]
    low = smoothing / classes
    largest = jax.lax.top_k(logits, classes_of_patch)[1]  # [B, P, k]
    named = jax.nn.one_hot(largest, classes + 1, dtype=logits.dtype).sum(-2)
    number = classes if label == "extra" else 1
    alone = jax.nn.one_hot(number, classes + 1, dtype=logits.dtype)
    is_background = background_places(logits, background)[..., None]
    chosen = jnp.where(is_background, alone[None, None], named)
    return jax.lax.stop_gradient(low + (1 - smoothing) * chosen)


def patch_loss(logits: Array, targets: Array) -> Array:
    """[B]: cross-entropy with `targets` [B, P, C + 1], its mean over the places."""
    return -(targets * jax.nn.log_softmax(logits)).sum(-1).mean(-1)
