"""Attention of tokens to each other.

Shapes: B batch, N tokens, C channels, A attention heads, D channels of a head.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.layers import Linear
from effjax.ops import attention


class SelfAttention(nn.Module):
    """Attention over tokens [B, N, C], with biases (https://arxiv.org/abs/1706.03762)."""

    head_dim: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        qkv = Linear(3 * channels, parts=3, name="qkv")(x)
        q, k, v = split_qkv(qkv)
        mixed = attend(q, k, v, self.head_dim)
        return Linear(channels, name="proj")(mixed)


def split_qkv(qkv: Array) -> list[Array]:
    """[..., 3 C] -> queries, keys and values, [..., C] each."""
    return jnp.split(qkv, 3, axis=-1)


def attend(q: Array, k: Array, v: Array, head_dim: int, bias: Array | None = None) -> Array:
    """softmax(q k^T / sqrt(D) + bias) v for every head; q, k, v [B, N, A * D].

    `bias` is [B, A, N, N], or 1 in the place of B.
    """
    return attention(q, k, v, head_dim, bias)
