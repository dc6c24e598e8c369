"""The product of two matrices, or of two stacks of them."""

import jax.numpy as jnp
from jax import Array

from effjax.ops.onednn import large_enough, matmul, with_gradients, xla_or_onednn


def matrix_product(a: Array, b: Array) -> Array:
    """[..., M, K] times [..., K, N], with the same leading axes.

    XLA's product, or, inside `onednn_calls` on one CPU device, a call where it is large. Then the
    gradient is custom, and forward-mode differentiation works on top of it, not in place of it.
    """
    if _pays(a, b.shape[-1]):
        return _product(a, b)
    return _plain(a, b)


def product_with_transposed(a: Array, b: Array) -> Array:
    """[..., M, K] times the transpose of [..., N, K], as `matrix_product` makes its product."""
    if _pays(a, b.shape[-2]):
        return _with_transposed(a, b)
    return _plain_of_a(a, b)


def _pays(a: Array, columns: int) -> bool:
    """Whether a call is faster for a product of `a` with so many columns of a result."""
    # bfloat16 is left to XLA: its product is as fast, and a call would cast
    return a.dtype == jnp.float32 and large_enough(a.size * columns, a.dtype)


# The products and their gradients, in XLA's terms and as calls.


def _plain(a: Array, b: Array) -> Array:
    return a @ b


def _plain_of_a(g: Array, b: Array) -> Array:
    return g @ jnp.matrix_transpose(b)


def _plain_of_b(a: Array, g: Array) -> Array:
    return jnp.matrix_transpose(a) @ g


def _call_of_a(g: Array, b: Array) -> Array:
    return matmul(g, b, transpose_b=True)


def _call_of_b(a: Array, g: Array) -> Array:
    return matmul(a, g, transpose_a=True)


_whole = xla_or_onednn(_plain, matmul)
_of_a = xla_or_onednn(_plain_of_a, _call_of_a)
_of_b = xla_or_onednn(_plain_of_b, _call_of_b)

_product = with_gradients(_whole, _of_a, _of_b)
_with_transposed = with_gradients(
    _of_a,
    _whole,
    # the same with its arguments exchanged: of the transposed matrix
    lambda a, g: _of_b(g, a),
)
