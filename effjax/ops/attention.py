"""Attention of tokens to each other, with the form that a backend runs best.

Shapes: B batch, N tokens, A attention heads, D channels of a head.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax

from effjax.ops.kept import kept
from effjax.ops.matrix_product import matrix_product, product_with_transposed
from effjax.ops.platform import on_tpu


def attention(
    q: Array,
    k: Array,
    v: Array,
    head_dim: int,
    bias: Array | None = None,
) -> Array:
    """softmax(q k^T / sqrt(D) + bias) v for every head; q, k, v and the result [B, N, A * D].

    Scores of less than float32 are widened to it. `bias` is [B, A, N, N], or 1 in the place of B.
    """
    if on_tpu():
        return _heads_in_place(q, k, v, head_dim, bias)
    return _divided_late(q, k, v, head_dim, bias)


def attention_reference(
    q: Array,
    k: Array,
    v: Array,
    head_dim: int,
    bias: Array | None = None,
) -> Array:
    """The same as published code has it."""
    weights = jax.nn.softmax(_scores(q, k, head_dim, bias))
    values = split_heads(v, head_dim)
    mixed = matrix_product(weights.astype(v.dtype), values)  # [B, A, N, D]
    return join_heads(mixed)


def _divided_late(
    q: Array,
    k: Array,
    v: Array,
    head_dim: int,
    bias: Array | None,
) -> Array:
    """The softmax's denominator divides what is mixed: N * D numbers and not N * N.

    Its gradient then needs no sum over N * N either, and two numbers of each row are kept for it.
    """
    scores = _scores(q, k, head_dim, bias)
    # any shift gives the same softmax, so no gradient goes through this one
    highest = lax.stop_gradient(scores.max(-1, keepdims=True))  # [B, A, N, 1]
    highest = kept(highest)
    weights = jnp.exp(scores - highest)
    total = kept(weights.sum(-1, keepdims=True))  # [B, A, N, 1]

    values = split_heads(v, head_dim)
    mixed = matrix_product(weights.astype(v.dtype), values)  # [B, A, N, D]
    mixed = kept(mixed) / total
    return join_heads(mixed.astype(v.dtype))


def _scores(q: Array, k: Array, head_dim: int, bias: Array | None) -> Array:
    """q k^T / sqrt(D) + bias, [B, A, N, N], with heads moved beside the batch."""
    # The scale goes to the queries: N * D numbers and not N * N.
    queries = split_heads(q * head_dim**-0.5, head_dim)
    keys = split_heads(k, head_dim)
    scores = product_with_transposed(queries, keys)
    # A softmax over many tokens needs the wider range, also in bfloat16.
    scores = scores.astype(jnp.promote_types(scores.dtype, jnp.float32))
    if bias is not None:
        scores += bias.astype(scores.dtype)
    return scores


def _heads_in_place(
    q: Array,
    k: Array,
    v: Array,
    head_dim: int,
    bias: Array | None,
) -> Array:
    """For TPUs: heads stay beside their channels, so that nothing is copied to move them."""

    def heads(x: Array) -> Array:
        return x.reshape(*x.shape[:2], -1, head_dim)  # [B, N, A, D]

    mixed = jax.nn.dot_product_attention(
        heads(q),
        heads(k),
        heads(v),
        bias=bias,
        scale=head_dim**-0.5,
        implementation="xla",
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
