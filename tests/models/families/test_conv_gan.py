import jax
import jax.numpy as jnp
import pytest

from effjax import models
from effjax.errors import UserError

SMALL = {"image_size": 8, "widths": (4, 6)}


def test_both_are_listed_by_their_kinds():
    assert "conv_generator_tiny" in models.list_models(kind="generator")
    assert "conv_critic_tiny" in models.list_models(kind="critic")
    assert "conv_generator_tiny" not in models.list_models()


def test_a_generator_doubles_its_maps():
    model = models.create_model("conv_generator_tiny", num_classes=3, latent=5, **SMALL)
    assert model.architecture.start_side == 4
    inputs = [jnp.zeros(x.shape, x.dtype) for x in model.example_inputs((2, 8, 8, 3))]
    variables = jax.eval_shape(model.init, jax.random.key(0), *inputs)
    out = jax.eval_shape(model.apply, variables, *inputs)
    assert out.shape == (2, 8, 8, 3)
    # stem, two blocks, head; a 3x3 convolution of each map
    macs = 5 * 0 + (5 + 32) * 16 * 4 + 9 * (16 * 4 * 4 + 64 * 4 * 6 + 64 * 6 * 3)
    conditions = (5 + 32) * 2 * (4 + 6)
    assert models.cost(model, (8, 8, 3)).macs == macs + conditions


def test_a_critic_compares_an_image_with_its_label():
    model = models.create_model("conv_critic_tiny", num_classes=2, **SMALL)
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    variables = jax.jit(model.init)(jax.random.key(1), x, jnp.asarray([0, 1]))
    one = model.apply(variables, x, jnp.asarray([0, 1]))
    other = model.apply(variables, x, jnp.asarray([1, 0]))
    assert one.scores.shape == (2,)
    assert one.features.shape == (2, 2 * 2 * 6)
    assert not jnp.allclose(one.scores, other.scores)
    table = variables["params"]["y_embedder"]["embedding_table"]
    difference = ((table[0] - table[1]) * one.features[0]).sum() / jnp.sqrt(24)
    assert float(one.scores[0] - other.scores[0]) == pytest.approx(float(difference), abs=1e-5)


@pytest.mark.parametrize("name", ["conv_generator_tiny", "conv_critic_tiny"])
def test_sizes_that_do_not_fit_are_refused(name):
    with pytest.raises(UserError, match="give a multiple of"):
        models.create_model(name, image_size=9)


def test_other_noise_is_refused():
    model = models.create_model("conv_generator_tiny", num_classes=0, latent=5, **SMALL)
    with pytest.raises(UserError, match="of noise"):
        jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((2, 8, 8, 3)))
