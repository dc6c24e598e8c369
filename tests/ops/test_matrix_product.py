import jax
import jax.numpy as jnp
import numpy as np

from effjax.ops import matrix_product


def test_value_and_gradients_are_those_of_jax():
    keys = jax.random.split(jax.random.key(0))
    a, b = jax.random.normal(keys[0], (2, 3, 4)), jax.random.normal(keys[1], (2, 4, 5))

    def both(product):
        return jax.value_and_grad(lambda a, b: jnp.sin(product(a, b)).sum(), (0, 1))(a, b)

    found, expected = both(matrix_product), both(jnp.matmul)
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-5), found, expected)


def test_other_types_are_left_to_xla():
    a = jnp.ones((2, 2), jnp.bfloat16)
    assert matrix_product(a, a).dtype == jnp.bfloat16
