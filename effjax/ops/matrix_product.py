"""The product of two matrices, or of two stacks of them."""

import jax
import jax.numpy as jnp

from effjax.ops.onednn import large_enough, matmul, with_gradients, xla_or_onednn


def matrix_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """[..., M, K] times [..., K, N], with the same leading axes.

    XLA's product, or, inside `onednn_calls` on one CPU device, a call where it is large. Then the
    gradient is custom, and forward-mode differentiation works on top of it, not in place of it.
    """
    products = a.size * b.shape[-1]
    if a.dtype == jnp.float32 and large_enough(products, a.dtype):
        return _product(a, b)
    return _plain(a, b)


def _plain(a: jax.Array, b: jax.Array) -> jax.Array:
    return a @ b


def _plain_of_a(g: jax.Array, b: jax.Array) -> jax.Array:
    return g @ jnp.matrix_transpose(b)


def _plain_of_b(a: jax.Array, g: jax.Array) -> jax.Array:
    return jnp.matrix_transpose(a) @ g


def _call_of_a(g: jax.Array, b: jax.Array) -> jax.Array:
    return matmul(g, b, transpose_b=True)


def _call_of_b(a: jax.Array, g: jax.Array) -> jax.Array:
    return matmul(a, g, transpose_a=True)


_product = with_gradients(
    xla_or_onednn(_plain, matmul),
    xla_or_onednn(_plain_of_a, _call_of_a),
    xla_or_onednn(_plain_of_b, _call_of_b),
)
