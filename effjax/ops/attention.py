"""Attention of tokens to each other, with the form that a backend runs best.

Shapes: B batch, N tokens, A attention heads, D channels of a head.
"""

import jax
import jax.numpy as jnp
from jax import Array

from effjax.ops.matrix_product import matrix_product
from effjax.ops.platform import on_tpu


def attention(q: Array, k: Array, v: Array, head_dim: int, bias: Array | None = None) -> Array:
    """softmax(q k^T / sqrt(D) + bias) v for every head; q, k, v and the result [B, N, A * D].

    Scores of less than float32 are widened to it. `bias` is [B, A, N, N], or 1 in the place of B.
    """
    if on_tpu():
        return _heads_in_place(q, k, v, head_dim, bias)
    return attention_reference(q, k, v, head_dim, bias)


def attention_reference(
    q: Array, k: Array, v: Array, head_dim: int, bias: Array | None = None
) -> Array:
    """The same with heads moved beside the batch, as CPUs and published code have it."""
    # The scale goes to the queries: N * D numbers and not N * N.
    queries = split_heads(q * head_dim**-0.5, head_dim)
    keys = split_heads(k, head_dim).swapaxes(2, 3)  # [B, A, D, N]
    values = split_heads(v, head_dim)
    scores = matrix_product(queries, keys)  # [B, A, N, N]
    # A softmax over many tokens needs the wider range, also in bfloat16.
    scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
    if bias is not None:
        scores += bias.astype(scores.dtype)
    weights = jax.nn.softmax(scores)
    mixed = matrix_product(weights.astype(v.dtype), values)  # [B, A, N, D]
    return join_heads(mixed)


def _heads_in_place(q: Array, k: Array, v: Array, head_dim: int, bias: Array | None) -> Array:
    """For TPUs: heads stay beside their channels, so that nothing is copied to move them."""

    def heads(x: Array) -> Array:
        return x.reshape(*x.shape[:2], -1, head_dim)  # [B, N, A, D]

    mixed = jax.nn.dot_product_attention(
        heads(q), heads(k), heads(v), bias=bias, scale=head_dim**-0.5, implementation="xla"
    )
    return mixed.reshape(q.shape)


def split_heads(x: Array, head_dim: int) -> Array:
    """[B, N, A * D] -> [B, A, N, D]: in published weights heads are outermost in A * D."""
    batch, tokens, _ = x.shape
    heads = x.reshape(batch, tokens, -1, head_dim)  # [B, N, A, D]
    return heads.swapaxes(1, 2)


def join_heads(x: Array) -> Array:
    """[B, A, N, D] -> [B, N, A * D]."""
    batch, _, tokens, _ = x.shape
    return x.swapaxes(1, 2).reshape(batch, tokens, -1)
