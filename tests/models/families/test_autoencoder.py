import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.errors import UserError
from effjax.models.families.autoencoder import LEAST, MOST

NAME = "conv_autoencoder_tiny"


def test_sides_become_smaller_and_come_back():
    model = models.create_model(NAME, num_classes=0, widths=(4, 6), latent_chans=2)
    x = jax.ShapeDtypeStruct((2, 8, 12, 3), jnp.float32)
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    coded = jax.eval_shape(model.apply, variables, x)
    assert coded.image.shape == (2, 8, 12, 3)
    assert coded.latent.mean.shape == (2, 2, 3, 2)
    assert model.latent_shape((8, 12, 3)) == (2, 3, 2)


def test_a_latent_is_drawn_by_its_deviation():
    model = models.create_model(NAME, num_classes=0, widths=(4,), latent_chans=2)
    x = jax.random.normal(jax.random.key(0), (1, 4, 4, 3))

    @jax.jit
    def run(noise):
        variables = model.init(jax.random.key(1), x)
        latent = model.apply(variables, x, method="encode")
        taken = latent.mean + jnp.exp(0.5 * latent.log_variance) * noise
        by_hand = model.apply(variables, taken, method="decode")
        return latent, by_hand - model.apply(variables, x, noise).image

    latent, away = run(jnp.ones((1, 2, 2, 2)))
    assert not away.any()
    assert LEAST <= latent.log_variance.min() <= latent.log_variance.max() <= MOST


def test_sides_that_cannot_be_halved_are_refused():
    model = models.create_model(NAME, num_classes=0)
    with pytest.raises(UserError, match="multiples of 4"):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 6, 8, 3)))
