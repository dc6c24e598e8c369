"""The product of two matrices, or of two stacks of them."""

from functools import partial

import jax
import jax.numpy as jnp

from effjax.ops.onednn.calls import either, matmul, with_gradients, worth_a_call


def matrix_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """[..., M, K] times [..., K, N], with the same leading axes.

    XLA's product, or, inside `onednn_calls` on one CPU device, a call where it is large. Then the
    gradient is custom, and forward-mode differentiation works on top of it, not in place of it.
    """
    if worth_a_call(a.size * b.shape[-1], a.dtype) and a.dtype == jnp.float32:
        return _product(a, b)
    return a @ b


_product = with_gradients(
    either(lambda a, b: a @ b, matmul),
    either(lambda g, b: g @ jnp.matrix_transpose(b), partial(matmul, transpose_b=True)),
    either(lambda a, g: jnp.matrix_transpose(a) @ g, partial(matmul, transpose_a=True)),
)
