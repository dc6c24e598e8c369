"""Batches of images: sizes, order, what cannot be read."""

import numpy as np

from effjax.data.images.centre_crop import EvalTransform
from effjax.trained.batches import batch_for, over_images
from effjax.trained.images import Image, as_images


def test_few_images_share_a_program():
    assert [batch_for(n, 32) for n in (1, 2, 3, 5, 31, 33, 100)] == [1, 2, 4, 8, 32, 32, 32]
    assert batch_for(100, 3) == 3


def test_rows_are_those_of_their_images():
    pixels = [np.full((4, 4, 3), 10 * k, np.uint8) for k in range(7)]
    images = as_images(pixels)

    def broken():
        raise OSError(5, "Input/output error")

    images[3] = Image("broken.jpg", broken)
    sizes = set()

    def mean(variables, batch):
        sizes.add(len(batch))
        return batch.mean((1, 2, 3)) + variables

    transform = EvalTransform((4, 4), 1.0, "bilinear")
    seen = list(over_images(mean, np.float32(1.0), transform, images, 4))
    assert [one.name for one in seen[:2]] == ["image 0", "image 1"]
    assert (seen[3].output, seen[3].pixels, seen[3].error) == (None, None, "Input/output error")
    found = [float(one.output) for one in seen if one.error is None]
    assert found == [1.0, 11.0, 21.0, 41.0, 51.0, 61.0]
    assert len(sizes) == 1
