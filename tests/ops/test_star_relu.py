import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import star_relu, star_relu_reference, traced_for


@pytest.mark.parametrize("shape", [(5,), (3, 5), (2, 4, 5), (2, 3, 4, 5)])
def test_the_form_for_tpus_has_the_values_and_gradients_of_jax(shape):
    x = jax.random.normal(jax.random.key(0), shape)
    scale, bias = jnp.array([0.9]), jnp.array([-0.4])

    def both(form):
        def loss(x, scale, bias):
            return jnp.sin(form(x, scale, bias)).sum()

        return jax.value_and_grad(loss, (0, 1, 2))(x, scale, bias)

    with traced_for("tpu"):
        found = both(star_relu)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), found, both(star_relu_reference)
    )


def test_sums_of_bfloat16_are_taken_in_float32():
    """4,096 ones: bfloat16 would stop at 256."""
    x = jnp.ones((64, 64), jnp.bfloat16)
    one = jnp.ones(1, jnp.bfloat16)
    with traced_for("tpu"):
        grads = jax.grad(lambda s, b: star_relu(x, s, b).sum().astype(jnp.float32), (0, 1))(
            one, one
        )
    assert [float(grad[0]) for grad in grads] == [4096, 4096]
