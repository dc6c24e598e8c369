import jax
import jax.numpy as jnp
import numpy as np

from effjax.models.blocks.activations import ACTIVATIONS, StarReLU, gelu


def test_star_relu():
    params = {"params": {"scale": jnp.array([2.0]), "bias": jnp.array([-1.0])}}
    y = StarReLU().apply(params, jnp.array([[-3.0, 0.0, 3.0]]))
    np.testing.assert_array_equal(y, [[-1.0, -1.0, 17.0]])


def test_gelu_and_its_slope_are_exact():
    x = jnp.linspace(-4.0, 4.0, 33)

    def exact(x):
        return jax.nn.gelu(x, approximate=False)

    np.testing.assert_allclose(gelu(x), exact(x), atol=1e-6)
    slopes = [jax.vmap(jax.grad(function))(x) for function in (gelu, exact)]
    np.testing.assert_allclose(*slopes, atol=1e-6)


def test_activations_without_parameters_are_plain_functions():
    x = jnp.array([-2.0, 3.0])
    np.testing.assert_array_equal(ACTIVATIONS["relu"](name="act")(x), [0.0, 3.0])
    np.testing.assert_array_equal(ACTIVATIONS["squared_relu"](name="act")(x), [0.0, 9.0])
