"""A batch is shared by all devices."""

import jax
import numpy as np
import pytest

from effjax.trained.network import Preprocessing, Spread


@pytest.mark.parametrize(("asked", "batch", "devices"), [(1, 1, 1), (3, 3, 3), (13, 16, 8)])
def test_a_batch_is_a_multiple_of_its_devices(asked, batch, devices):
    spread = Spread(asked)
    assert spread.batch == batch
    sent = spread.send(images=np.zeros((batch, 2), np.uint8))["images"]
    assert len(sent.sharding.device_set) == devices
    copied = spread.copy({"w": np.zeros(3)})["w"]
    assert copied.sharding.is_fully_replicated
    assert isinstance(copied, jax.Array)


def test_an_image_of_any_size_becomes_the_size_of_the_network():
    image = np.full((20, 30, 3), 7, np.uint8)
    resized = Preprocessing((8, 12)).transform()(image)
    assert (resized.shape, resized.dtype) == ((8, 12, 3), np.uint8)
    assert (resized == 7).all()
