"""Attention of tokens to each other.

Shapes: B batch, N tokens, C channels, A attention heads, D channels of a head.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from effjax.models.blocks.layers import Linear, at_least_float32
from effjax.ops import matrix_product


class SelfAttention(nn.Module):
    """Attention over tokens [B, N, C], with biases (https://arxiv.org/abs/1706.03762)."""

    head_dim: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        q, k, v = split_qkv(Linear(3 * channels, name="qkv")(x))
        return Linear(channels, name="proj")(attend(q, k, v, self.head_dim))


def split_qkv(qkv: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """[..., 3 C] -> queries, keys and values, [..., C] each."""
    q, k, v = jnp.split(qkv, 3, axis=-1)
    return q, k, v


def attend(q: jax.Array, k: jax.Array, v: jax.Array, head_dim: int) -> jax.Array:
    """softmax(q k^T / sqrt(D)) v for every head; all [B, N, A * D], heads outermost in A * D."""

    def heads(x: jax.Array) -> jax.Array:
        return x.reshape(*x.shape[:2], -1, head_dim)  # [B, N, A * D] -> [B, N, A, D]

    # The scale goes to the queries: N * D numbers and not N * N.
    queries = heads(q * head_dim**-0.5).swapaxes(1, 2)  # [B, A, N, D]
    keys = heads(k).transpose(0, 2, 3, 1)  # [B, A, D, N]
    values = heads(v).swapaxes(1, 2)  # [B, A, N, D]
    scores = at_least_float32(matrix_product(queries, keys))  # [B, A, N, N]
    weights = jax.nn.softmax(scores).astype(v.dtype)
    mixed = matrix_product(weights, values).swapaxes(1, 2)  # [B, N, A, D]
    return mixed.reshape(*mixed.shape[:2], -1)
