"""Sub-networks as points."""

import dataclasses

import numpy as np
import pytest

from effjax.compress.elastic.space import ElasticSpace, Extent, windows_of
from effjax.errors import UserError
from tests.compress.elastic.conftest import EXTENT


def test_the_last_point_is_the_network_and_the_first_the_smallest(filled):
    net = filled("caformer_s18").net
    space = net.space
    whole = space.decode(space.largest)
    assert whole.depths == (2, 1)
    assert whole.dims == (16, 32)
    assert whole.mlp_hidden == ((64, 64), (128,))
    small = space.decode(space.smallest)
    assert (small.depths, small.dims) == ((1, 1), (8, 16))
    assert small.mlp_hidden == ((16,), (32,))
    assert small.kernel_sizes[0] == (3,)


def test_choices_of_blocks_that_are_not_there_make_no_difference(filled):
    space = filled("caformer_s18").net.space
    rng = np.random.default_rng(0)
    for _ in range(8):
        point = space.sample(rng)
        assert space.decode(point) == space.decode(space.canonical(point))
    place = space.place["stages_0.blocks_1.kernel_sizes"]
    assert space.is_idle(space.smallest)[place]
    assert not space.is_idle(space.largest)[place]


def test_bands_are_elastic_and_the_square_is_not(filled):
    space = filled("inception_next_atto").net.space
    small = space.decode(space.smallest)
    assert small.band_kernels == ((3,), (3,))
    assert small.square_kernels == ((3,), (3,))


def test_attention_has_no_window(filled):
    names = filled("caformer_s18").net.space.names
    assert "stages_1.blocks_0.kernel_sizes" not in names


def test_what_cannot_shrink_is_refused(filled):
    model = filled("caformer_s18").model
    with pytest.raises(UserError, match="nothing can shrink"):
        ElasticSpace("caformer_s18", model.architecture, Extent(), [])
    given = dataclasses.replace(model.architecture, mlp_hidden=((4, 4), (4,)))
    with pytest.raises(UserError, match="mlp_hidden"):
        ElasticSpace("caformer_s18", given, EXTENT, [])


def test_a_window_with_two_sides_is_refused(filled):
    model = filled("convformer_s18").model
    architecture = dataclasses.replace(model.architecture, kernel_sizes=(((5, 7), 5), 5))
    with pytest.raises(UserError, match="one size"):
        windows_of(model.clone(architecture=architecture), (3,))
