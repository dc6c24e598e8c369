import jax
import jax.numpy as jnp
import numpy as np

from effjax.ops import tokens_in_rows, traced_for

X = jax.random.normal(jax.random.key(0), (2, 3, 4))


def constraints(platform):
    with traced_for(platform):
        text = jax.jit(lambda x: tokens_in_rows(x)).lower(X).as_text()  # no trace is shared
    return text.count("LayoutConstraint")


def test_only_for_a_tpu_the_layout_is_said():
    assert constraints("tpu") == 1
    assert constraints("cpu") == 0


def test_values_and_gradients_stay():
    def loss(x):
        return jnp.sin(tokens_in_rows(x)).sum()

    with traced_for("tpu"):
        value, gradient = jax.jit(jax.value_and_grad(loss))(X)
        each = jax.jit(jax.vmap(tokens_in_rows))(X[None])
    np.testing.assert_allclose(value, jnp.sin(X).sum(), rtol=1e-6)
    np.testing.assert_allclose(gradient, jnp.cos(X), rtol=1e-6)
    np.testing.assert_array_equal(each[0], X)
