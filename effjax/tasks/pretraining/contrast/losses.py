"""The losses of momentum contrast: pure functions of features of unit length.

MoCo: He et al. 2020, arXiv:1911.05722. MoCo v3: Chen et al. 2021, arXiv:2104.02057.

Shapes: b queries, B keys of the whole batch, K entries of a queue, D features.
"""

import jax.numpy as jnp
import optax
from jax import Array


def queue_logits(query: Array, key: Array, queue: Array, temperature: float) -> Array:
    """[b, 1 + K]: each query against its own key [b, D] first, then the queue [K, D]."""
    own = jnp.sum(query * key, axis=-1, keepdims=True)
    others = query @ queue.T
    return jnp.concatenate([own, others], axis=1) / temperature


def info_nce(logits: Array) -> Array:
    """[b]: cross-entropy with the first column as the answer."""
    first = jnp.zeros(len(logits), jnp.int32)
    return optax.softmax_cross_entropy_with_integer_labels(logits, first)


def batch_nce(query: Array, keys: Array, first: Array | int, temperature: float) -> Array:
    """[b]: 2 T times the cross-entropy of each query against all keys of the batch (MoCo v3).

    Args:
      query: [b, D].
      keys: [B, D].
      first: the place among the keys of the key of the first query.
    """
    logits = query @ keys.T / temperature
    answers = first + jnp.arange(len(query))
    losses = optax.softmax_cross_entropy_with_integer_labels(logits, answers)
    # the factor keeps the size of the gradient whatever the temperature
    return 2 * temperature * losses
