"""A batch is shared by all devices."""

import jax
import numpy as np
import pytest

from effjax.trained.spread import Spread


@pytest.mark.parametrize(("asked", "batch", "devices"), [(1, 1, 1), (3, 3, 3), (13, 16, 8)])
def test_a_batch_is_a_multiple_of_its_devices(asked, batch, devices):
    spread = Spread(asked)
    assert spread.batch == batch
    sent = spread.send(images=np.zeros((batch, 2), np.uint8))["images"]
    assert len(sent.sharding.device_set) == devices
    copied = spread.copy({"w": np.zeros(3)})["w"]
    assert copied.sharding.is_fully_replicated
    assert isinstance(copied, jax.Array)
