"""What is written: batch statistics of valid images only, and the record of a found network."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np

from effjax import create_model
from effjax.search.kernel_sizes.export import recalibrated, record_of
from effjax.search.kernel_sizes.found import Found
from tests.search.kernel_sizes.conftest import COMMON, FAMILIES, supernet_of


def found_of(model, variables):
    return Found(8.0, 7.0, np.asarray([1.2, 3.0]), [1, 3], [1, 3], model, variables, [])


def test_a_network_without_batch_statistics_is_left_alone():
    found = found_of(None, {"params": {}})
    assert recalibrated(found, iter(())) is found


def test_images_that_are_no_examples_do_not_count():
    name = "inception_next_atto"
    model = create_model(name, num_classes=2, **COMMON, **FAMILIES[name])
    images = jax.random.normal(jax.random.key(0), (4, 16, 16, 3))
    found = found_of(model, jax.jit(model.init)(jax.random.key(1), images))
    ruined = images.at[2:].set(1e6)
    mask = jnp.asarray([1.0, 1.0, 0.0, 0.0])
    ours = recalibrated(found, [(ruined, mask)]).variables["batch_stats"]
    plain = recalibrated(found, [(images, mask)]).variables["batch_stats"]
    jax.tree.map(np.testing.assert_array_equal, ours, plain)
    before = found.variables["batch_stats"]
    assert any(np.any(a != b) for a, b in zip(jax.tree.leaves(ours), jax.tree.leaves(before)))


def test_a_record_names_its_sizes():
    net = supernet_of("convformer_s18", where="stages_[01]")
    record = record_of(net, found_of(None, {}), {"top1": 0.5}, "architecture.json")
    assert list(record["sizes"].values()) == [1, 3]
    assert record["soft"].keys() == record["sizes"].keys() == record["by_rule"].keys()
    assert (record["baseline"], record["unit"]) == (None, "macs")
    assert dataclasses.is_dataclass(net.cost)
