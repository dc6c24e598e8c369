import jax
import jax.numpy as jnp
import numpy as np

from effjax.tasks.few_shot.distort import Distortion


def test_draws_belong_to_examples_and_some_images_stay():
    images = np.random.default_rng(0).integers(0, 256, (8, 4, 4, 3)).astype(np.uint8)
    key = jax.random.key(0)
    distort = jax.jit(Distortion())
    changed = distort(images, key, jnp.arange(8))
    assert changed.dtype == np.uint8
    same = (changed == images).all((1, 2, 3))
    assert 0 < same.sum() < 8
    # the same program: other images in other places
    moved = distort(np.roll(images, 4, axis=0), key, jnp.roll(jnp.arange(8), 4))
    np.testing.assert_array_equal(np.roll(moved, -4, axis=0), changed)
