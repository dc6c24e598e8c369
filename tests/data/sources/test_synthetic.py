"""Images that are made from numbers."""

import numpy as np

from effjax.data.sources.synthetic import Synthetic


def test_synthetic_images_are_fixed_differ_and_follow_their_class():
    train, again = (Synthetic((8, 12), 3, 30, "train") for _ in range(2))
    validation = Synthetic((8, 12), 3, 30, "validation")
    pixels = np.stack([train[i][0] for i in range(30)])
    np.testing.assert_array_equal(pixels, np.stack([again[i][0] for i in range(30)]))
    assert pixels.shape == (30, 8, 12, 3)
    assert len(np.unique(pixels.reshape(30, -1), axis=0)) == 30
    # the nearest class mean of the training images labels the others
    means = np.stack([pixels[k::3].mean(0) for k in range(3)])
    for i in range(30):
        image, label = validation[i]
        assert abs(image - means).mean((1, 2, 3)).argmin() == label == i % 3
