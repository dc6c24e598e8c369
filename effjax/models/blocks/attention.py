"""Attention of tokens to each other.

Shapes: B batch, N tokens, C channels, A attention heads, D channels of a head.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.layers import Linear, at_least_float32
from effjax.models.blocks.recompute import kept
from effjax.ops import matrix_product


class SelfAttention(nn.Module):
    """Attention over tokens [B, N, C], with biases (https://arxiv.org/abs/1706.03762)."""

    head_dim: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        qkv = Linear(3 * channels, name="qkv")(x)
        q, k, v = split_qkv(qkv)
        mixed = attend(q, k, v, self.head_dim)
        return Linear(channels, name="proj")(mixed)


def split_qkv(qkv: Array) -> list[Array]:
    """[..., 3 C] -> queries, keys and values, [..., C] each."""
    return jnp.split(qkv, 3, axis=-1)


def split_heads(x: Array, head_dim: int) -> Array:
    """[B, N, A * D] -> [B, A, N, D]: in published weights heads are outermost in A * D."""
    batch, tokens, _ = x.shape
    heads = x.reshape(batch, tokens, -1, head_dim)  # [B, N, A, D]
    return heads.swapaxes(1, 2)


def join_heads(x: Array) -> Array:
    """[B, A, N, D] -> [B, N, A * D]."""
    batch, _, tokens, _ = x.shape
    return x.swapaxes(1, 2).reshape(batch, tokens, -1)


def attend(q: Array, k: Array, v: Array, head_dim: int, bias: Array | None = None) -> Array:
    """softmax(q k^T / sqrt(D) + bias) v for every head; q, k, v [B, N, A * D].

    `bias` is [B, A, N, N], or 1 in the place of B.
    """
    # The scale goes to the queries: N * D numbers and not N * N.
    queries = split_heads(q * head_dim**-0.5, head_dim)
    keys = split_heads(k, head_dim).swapaxes(2, 3)  # [B, A, D, N]
    values = split_heads(v, head_dim)
    scores = matrix_product(queries, keys)  # [B, A, N, N]
    # A softmax over many tokens needs the wider range, also in bfloat16.
    scores = at_least_float32(scores)
    if bias is not None:
        scores += bias.astype(scores.dtype)
    weights = jax.nn.softmax(scores)
    mixed = matrix_product(weights.astype(v.dtype), values)  # [B, A, N, D]
    return kept(join_heads(mixed))
