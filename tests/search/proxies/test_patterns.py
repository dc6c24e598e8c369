"""Codes made by hand."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.errors import UserError
from effjax.models.blocks.activations import gelu
from effjax.search.proxies import patterns
from effjax.search.proxies.network import Batch, Pass, split
from tests.search.proxies import tiny


def through(function):
    return lambda variables, images, train: Pass(images, function(images), variables)


@pytest.mark.parametrize(
    "activation", [jax.nn.relu, gelu, nn.gelu, jax.nn.silu, jnp.tanh, lambda x: nn.relu(x) ** 2]
)
def test_every_activation_is_seen_once_and_by_the_sign_of_its_input(activation):
    images = tiny.batch().images
    (found,) = patterns.preactivations(through(activation), {}, images)
    np.testing.assert_array_equal(found > 0, images.reshape(6, -1) > 0)


def test_kernel_of_a_code_made_by_hand():
    """Units: + +, + -, - -; equal sides are counted."""
    kernel = patterns.pattern_kernel([jnp.array([[1.0, 2], [3, -1], [-1, -4]])])
    np.testing.assert_array_equal(kernel, [[2, 1, 0], [1, 2, 1], [0, 1, 2]])
    assert patterns.log_determinant(kernel) == pytest.approx(np.log(4))


def test_equal_images_have_no_determinant_and_one_region():
    images = jnp.ones((2, *tiny.IMAGE))
    batch = Batch(images, jnp.zeros(2, int))
    assert patterns.naswot(through(jax.nn.relu), {}, [batch]) == -np.inf
    assert patterns.linear_regions(through(jax.nn.relu), {}, [batch]) == 1


def test_parts_are_one_batch():
    batch, apply = tiny.batch(), through(jax.nn.relu)
    whole = patterns.naswot(apply, {}, [batch])
    assert patterns.naswot(apply, {}, split(batch, 2)) == pytest.approx(whole)
    regions = patterns.linear_regions(apply, {}, [batch])
    assert patterns.linear_regions(apply, {}, split(batch, 4)) == regions


def test_a_line_from_image_to_image():
    images = jnp.array([0.0, 1.0, 3.0]).reshape(3, 1, 1, 1)
    points = patterns.between(images, 2).ravel()
    np.testing.assert_allclose(points, [0, 0.5, 1, 2])


def test_a_network_without_activations_is_refused():
    with pytest.raises(UserError, match="no activation"):
        patterns.preactivations(through(lambda x: 2 * x), {}, tiny.batch().images)
