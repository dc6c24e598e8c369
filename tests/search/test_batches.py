"""Images for scores: noise where there is no data, else those of the first training steps."""

import numpy as np

import effjax
from effjax.search.batches import open_batches, random_batch


def test_noise():
    images, labels = random_batch((4, 4, 3), 3, 5, 0)
    assert images.shape == (5, 4, 4, 3)
    assert labels.tolist() == [0, 1, 2, 0, 1]
    assert not np.array_equal(images, random_batch((4, 4, 3), 3, 5, 1)[0])


def test_batches_of_a_config():
    config = effjax.default_config()
    config.total_steps = 2
    config.data.update(name="synthetic", image_size=8, batch_size=8, synthetic_examples=32)
    config.mix.mixup = 0.8
    batch = open_batches(config, 4)
    images, labels = batch(0)
    assert images.shape == (4, 8, 8, 3)
    assert images.dtype == np.float32
    assert abs(images.mean()) < 3  # normalised
    assert labels.shape == (4,)
    again, _ = batch(0)
    other, _ = batch(1)
    assert np.array_equal(images, again)
    assert not np.array_equal(images, other)
