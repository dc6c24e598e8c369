"""Costs from shapes are those of the program."""

import numpy as np
import pytest

from effjax import costs, models
from effjax.compress.elastic.costs import ElasticCosts, map_sides
from tests.compress.elastic.conftest import FAMILIES, NAMES, SIDE


@pytest.mark.parametrize("name", NAMES)
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


@pytest.mark.slow
def test_the_peak_of_memory_is_that_of_a_smaller_network(filled):
    case = filled("caformer_s18")
    space = case.net.space
    counted = ElasticCosts(case.net, 3)
    point = space.sample(np.random.default_rng(5))
    for one in (space.largest, point):
        reduced = counted.same_peak(one)
        assert space.depths(reduced) == (1, 1)
        whole = costs.count(space.model(one, 3), (SIDE, SIDE, 3), "memory")
        assert counted.of(one, "memory") == whole
