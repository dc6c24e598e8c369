"""Costs from shapes are those of the program."""

import numpy as np
import pytest

from effjax import costs, models
from effjax.compress.elastic.costs import ElasticCosts, map_sides, memory_key
from tests.compress.elastic.conftest import FAMILIES, SIDE


@pytest.mark.parametrize("name", FAMILIES)
def test_costs_are_the_cost_models(filled, name):
    case = filled(name)
    space = case.net.space
    counted = ElasticCosts(case.net, 3)
    for point in (space.largest, space.sample(np.random.default_rng(4))):
        whole = models.cost(space.model(point, 3), (SIDE, SIDE, 3))
        assert counted.of(point, "params") == whole.params
        assert counted.of(point, "macs") == whole.macs


def test_the_base_is_the_largest(filled):
    case = filled("caformer_s18")
    counted = ElasticCosts(case.net, 3)
    assert counted.of_base("macs") == counted.of(case.net.space.largest, "macs")


def test_sides_of_maps():
    architecture = FAMILIES["caformer_s18"]

    class Patches:
        patch_kernels = architecture["patch_kernels"]
        patch_strides = architecture["patch_strides"]
        patch_pads = architecture["patch_pads"]

    assert map_sides(Patches, 9) == [5, 3]


def test_points_of_one_key_have_one_peak(filled):
    case = filled("caformer_s18")
    space = case.net.space
    # another window, and one block less
    point = list(space.largest)
    point[space.place["stages_0.blocks_0.kernel_sizes"]] = 0
    point[space.place["depths.0"]] = 0
    assert memory_key(space, tuple(point)) == memory_key(space, space.largest)
    peaks = []
    for one in (tuple(point), space.largest):
        peaks.append(costs.count(space.model(one, 3), (SIDE, SIDE, 3), "memory"))
    assert peaks[0] == peaks[1]
