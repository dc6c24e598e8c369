"""What the mesh's runner does to a batch and to a tree."""

import jax
import numpy as np
import pytest

from effjax.devices.mesh import Mesh
from tests.training.toy import line_config


class Resident:
    """A source that keeps an array on every device."""

    def __init__(self):
        self.resident = {"table": np.arange(3.0)}


def mesh_of(fsdp=1, parts=1):
    parallel = line_config().parallel
    parallel.update(fsdp=fsdp, shard_least=1)
    return Mesh(jax.devices()[:4], 8, parts, parallel)


@pytest.mark.parametrize(("parts", "shape"), [(1, (8, 2)), (2, (2, 4, 2))])
def test_a_batch_is_divided_over_all_devices_and_comes_with_what_is_resident(parts, shape):
    runner = mesh_of(parts=parts)
    runner.hold(Resident())
    sent = runner.send({"x": np.zeros((8, 2))})
    assert sent["x"].shape == shape
    assert sent["x"].addressable_shards[0].data.size == 4  # of 16, on four devices
    assert sent["table"].sharding.is_fully_replicated
    abstract = runner._abstract_sent(jax.ShapeDtypeStruct((8, 2), np.float32))
    assert (abstract.shape, abstract.sharding) == (shape, sent["x"].sharding)


def test_what_is_divided_becomes_whole_by_a_program_that_is_made_once():
    runner = mesh_of(fsdp=4)
    sharding = jax.sharding.NamedSharding(runner.mesh, jax.sharding.PartitionSpec("fsdp"))
    divided = jax.device_put(np.arange(8.0), sharding)
    for _ in range(3):
        assert runner.whole({"w": divided})["w"].sharding.is_fully_replicated
    assert runner._replicate._cache_size() == 1
