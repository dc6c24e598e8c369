import jax
import jax.numpy as jnp
import numpy as np

from effjax import models
from effjax.compress.generators.channels import (
    feature_errors,
    most_important,
    narrow_generator,
    sliced,
)
from tests.parity.generative_check import check_recorded

RNG = np.random.default_rng(0)


def test_recorded_values():
    check_recorded("gan/")


def test_only_inputs_that_are_left_count():
    kernel = np.zeros((1, 1, 2, 3))
    kernel[0, 0] = [[0, 5, 1], [2, 0, -3]]
    assert most_important(kernel, 2).tolist() == [1, 2]
    assert most_important(kernel, 2, np.asarray([1])).tolist() == [2, 0]
    assert sliced(kernel, np.asarray([2, 0]), np.asarray([1]))[0, 0].tolist() == [[-3, 2]]


def test_features_have_an_error_for_each_image():
    one = [jnp.zeros((2, 2, 2, 3)), jnp.ones((2, 1, 1, 1))]
    found = feature_errors(one, [x + 2 for x in one])
    assert [errors.tolist() for errors in found] == [[4, 4], [4, 4]]


def test_all_channels_in_another_order_draw_the_same():
    model = models.create_model(
        "conv_generator_tiny", num_classes=2, image_size=8, widths=(4, 6), latent=3
    )
    noise, labels = jnp.ones((1, 3)), jnp.asarray([1])
    params = jax.jit(model.init)(jax.random.key(0), noise, labels)["params"]
    same, reordered = narrow_generator(model, params, (4, 6))
    assert same == model
    assert jax.tree.map(jnp.shape, reordered) == jax.tree.map(jnp.shape, params)
    draw = jax.jit(lambda p: model.apply({"params": p}, noise, labels))
    np.testing.assert_allclose(draw(reordered), draw(params), atol=1e-5)
    small, narrow = narrow_generator(model, params, (2, 3))
    assert small.architecture.widths == (2, 3)
    shapes = jax.eval_shape(small.init, jax.random.key(0), noise, labels)["params"]
    assert jax.tree.map(jnp.shape, narrow) == jax.tree.map(jnp.shape, shapes)
