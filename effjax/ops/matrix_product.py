"""The product of two matrices."""

from functools import partial

import jax

from effjax.ops.onednn import either, matmul, with_gradients, worth_a_call


def matrix_product(a: jax.Array, b: jax.Array) -> jax.Array:
    """[M, K] times [K, N].

    XLA's product, or, inside `onednn_calls` on one CPU device, a call where it is large. Then the
    gradient is custom, and forward-mode differentiation works on top of it, not in place of it.
    """
    if not worth_a_call(a.size * b.shape[1], a.dtype) or a.dtype.itemsize < 4:
        return a @ b
    return _product(a, b)


_product = with_gradients(
    either(lambda a, b: a @ b, matmul),
    either(lambda g, b: g @ b.T, partial(matmul, transpose_b=True)),
    either(lambda a, g: a.T @ g, partial(matmul, transpose_a=True)),
)
