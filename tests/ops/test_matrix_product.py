import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import matrix_product, onednn_calls, product_with_transposed


def test_value_and_gradients_are_those_of_jax():
    keys = jax.random.split(jax.random.key(0))
    a, b = jax.random.normal(keys[0], (2, 3, 4)), jax.random.normal(keys[1], (2, 4, 5))

    def both(product):
        return jax.value_and_grad(lambda a, b: jnp.sin(product(a, b)).sum(), (0, 1))(a, b)

    found, expected = both(matrix_product), both(jnp.matmul)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), found, expected)


@pytest.mark.parametrize("calls", [False, True])
def test_the_product_with_a_transposed_matrix_is_that_of_jax(calls):
    rows = 170  # 170^3 multiply-adds are worth a call
    a, b = jax.random.normal(jax.random.key(0), (2, rows, rows))

    def both(product):
        function = jax.value_and_grad(lambda a, b: jnp.sin(product(a, b)).sum(), (0, 1))
        with onednn_calls(calls):
            return jax.jit(function)(a, b)

    found = both(product_with_transposed)
    expected = both(lambda a, b: jnp.einsum("mk,nk->mn", a, b))
    jax.tree.map(
        lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-3), found, expected
    )


def test_other_types_are_left_to_xla():
    a = jnp.ones((2, 2), jnp.bfloat16)
    assert matrix_product(a, a).dtype == jnp.bfloat16
