import jax.numpy as jnp
import numpy as np

from effjax.tasks.pretraining.encodings import encoded, flat_features, shrunk_pixels


def test_maps_and_tokens_are_averaged():
    assert flat_features(jnp.ones((2, 3, 3, 5), jnp.bfloat16)).shape == (2, 5)
    tokens = flat_features(jnp.arange(6.0).reshape(1, 3, 2))
    np.testing.assert_allclose(tokens, [[2.0, 3.0]])
    assert flat_features(jnp.ones((2, 4))).shape == (2, 4)


def test_pixels_are_averaged_down():
    images = jnp.full((2, 64, 40, 3), 255, jnp.uint8)
    pixels = shrunk_pixels(images)
    assert pixels.shape == (2, 32 * 32 * 3)
    np.testing.assert_allclose(pixels, 1.0, rtol=1e-5)


def test_what_cannot_be_read_is_left_out():
    batch = {"image": np.arange(4), "label": np.array([3, 1, 2, 0]), "mask": np.array([1, 0, 1, 1])}
    ways = {"": lambda x: x[:, None] * 2.0, "pixels_": lambda x: x[:, None]}
    features, labels = encoded(ways, [batch, batch])
    assert [list(part) for part in labels] == [[3, 2, 0]] * 2
    np.testing.assert_array_equal(features[""][1], [[0.0], [4.0], [6.0]])
    np.testing.assert_array_equal(features["pixels_"][0], [[0], [2], [3]])
