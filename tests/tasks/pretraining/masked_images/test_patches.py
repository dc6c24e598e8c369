import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.tasks.pretraining.masked_images import patches
from tests.parity.selfsup_check import check_recorded


@pytest.mark.slow
def test_as_recorded():
    """Encoder, decoder, losses and their gradients."""
    check_recorded("mae/")


def test_as_many_are_kept_as_published():
    """The rounding bites: 10 * (1 - 0.9) is a little less than 1."""
    assert [patches.kept_count(10, ratio) for ratio in (0.5, 0.7, 0.9)] == [5, 3, 0]
    assert patches.kept_count(196, 0.75) == 49


def test_patches_are_cut_and_joined():
    images = np.arange(2 * 8 * 12 * 3.0).reshape(2, 8, 12, 3)
    cut = patches.cut(images, 4)
    assert cut.shape == (2, 6, 48)
    # the second patch is to the right of the first
    np.testing.assert_array_equal(cut[0, 1].reshape(4, 4, 3), images[0, :4, 4:8])
    np.testing.assert_array_equal(patches.join(cut, (2, 3), 4), images)


def test_every_image_keeps_as_many_and_each_patch_is_found_again():
    noise = jax.random.uniform(jax.random.key(0), (3, 10))
    masks = patches.rank(noise, 4)
    assert masks.hidden.sum(1).tolist() == [6, 6, 6]
    # seen patches stand first, in their order
    seen = jnp.take_along_axis(masks.places, masks.kept, axis=1)
    np.testing.assert_array_equal(seen, np.tile(np.arange(4), (3, 1)))


def test_noise_belongs_to_the_example():
    key = jax.random.key(1)
    whole = patches.draw_noise(key, jnp.arange(4), 5)
    np.testing.assert_array_equal(whole[2:], patches.draw_noise(key, jnp.arange(2, 4), 5))
