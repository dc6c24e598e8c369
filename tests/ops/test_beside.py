import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import (
    channel_product,
    channel_sum,
    for_each_channel,
    for_each_image,
    images_apart,
    images_beside,
    normalise,
    on_the_diagonal,
    own_channels,
    put_apart,
    put_beside,
    side_by_side,
    traced_for,
)

IMAGES = jax.random.normal(jax.random.key(0), (32, 3, 5, 64))
TOGETHER = put_beside(IMAGES, 2)


def test_an_image_lies_beside_the_one_that_is_eight_further_on():
    assert TOGETHER.shape == (16, 3, 5, 128)
    np.testing.assert_array_equal(TOGETHER[3], jnp.concatenate([IMAGES[3], IMAGES[11]], axis=-1))
    np.testing.assert_array_equal(TOGETHER[9], jnp.concatenate([IMAGES[17], IMAGES[25]], axis=-1))


@pytest.mark.parametrize("count", [1, 2, 4])
def test_apart_again_they_are_what_they_were(count):
    np.testing.assert_array_equal(put_apart(put_beside(IMAGES, count), count), IMAGES)


@pytest.mark.parametrize(
    ("platform", "devices", "batch", "channels", "count"),
    [
        ("tpu", 1, 32, 64, 2),
        ("tpu", 4, 128, 64, 2),
        ("tpu", 1, 32, 32, 4),
        ("tpu", 4, 32, 64, 1),  # eight of a device: a partner would come from another one
        ("tpu", 1, 31, 64, 1),
        ("tpu", 1, 32, 96, 1),  # no share of the lanes
        ("tpu", 1, 32, 128, 1),
        ("tpu", None, 32, 64, 1),  # nobody said over how many devices the batch is divided
        ("cpu", 1, 32, 64, 1),
        ("gpu", 1, 32, 64, 1),
    ],
)
def test_images_lie_side_by_side_where_that_fills_lanes(platform, devices, batch, channels, count):
    with traced_for(platform, devices):
        assert images_beside(batch, channels) == count


def test_images_stay_apart_where_layers_are_replaced():
    with traced_for("tpu", devices=1), images_apart():
        assert images_beside(32, 64) == 1


def test_own_channels_are_those_of_one_image():
    with side_by_side(2):
        assert own_channels(TOGETHER) == 64
    assert own_channels(IMAGES) == 64


def test_what_belongs_to_channels_or_images_meets_its_own():
    scale = jnp.arange(64.0)
    found = put_apart(TOGETHER * for_each_channel(scale, TOGETHER), 2)
    np.testing.assert_array_equal(found, IMAGES * for_each_channel(scale, IMAGES))
    kept = jnp.arange(32.0)
    with side_by_side(2):
        found = put_apart(TOGETHER * for_each_image(kept, TOGETHER), 2)
    np.testing.assert_array_equal(found, IMAGES * kept[:, None, None, None])


def test_a_kernel_on_the_diagonal_gives_each_image_its_own_result():
    kernel = jax.random.normal(jax.random.key(1), (64, 7))
    bias = jnp.arange(7.0)

    def loss(x, kernel, bias):
        y = channel_sum(channel_product(x, kernel), bias)
        return jnp.sin(y).sum(), y

    gradients = jax.grad(loss, (1, 2), has_aux=True)
    found, y = gradients(TOGETHER, kernel, bias)
    wanted, expected = gradients(IMAGES, kernel, bias)
    np.testing.assert_allclose(put_apart(y, 2), expected, atol=1e-4)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3)
    assert on_the_diagonal(kernel, 1) is kernel


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
def test_each_image_is_normalised_by_its_own_statistics(dtype):
    images = (IMAGES * jnp.arange(1.0, 33.0)[:, None, None, None] + 1).astype(dtype)

    def loss(x, count):
        with side_by_side(count), traced_for("tpu"):
            y = normalise(put_beside(x, count), (-3, -2, -1), 1e-6)
        return jnp.sin(put_apart(y, count)).sum()

    found, gradient = jax.value_and_grad(loss)(images, 2)
    wanted, expected = jax.value_and_grad(loss)(images, 1)
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=0.05)
    np.testing.assert_allclose(
        gradient.astype(jnp.float32), expected.astype(jnp.float32), rtol=0.01, atol=1e-3
    )
