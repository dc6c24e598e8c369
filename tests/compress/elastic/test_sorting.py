"""Channels in the order of their importance."""

import numpy as np

from effjax.compress.elastic.sorting import sorted_ranks
from tests.compress.elastic.conftest import FAST


def test_channels_are_sorted_by_the_weights_that_read_them(filled):
    case = filled(FAST)
    group = "stages_0.blocks_0.mlp"
    kernel = case.network["stages_0"]["blocks_0"]["mlp"]["fc2"]["kernel"]
    best = np.argmax(np.abs(kernel).sum(1))
    assert case.ranks[group][best] == 0
    active = case.net.active(case.net.space.smallest, case.ranks)[group]
    assert active.sum() == 16
    assert active[best]


def test_widths_that_are_trained_keep_their_channels(filled):
    case = filled(FAST)
    net = case.net
    whole = np.asarray([1] * len(net.space.choices))
    opened = np.asarray([len(choice.options) for choice in net.space.choices])
    fresh = net.fresh_ranks()
    # only the full width is open: everything may be sorted
    free = sorted_ranks(net, case.network, fresh, whole)
    assert all((free[name] == case.ranks[name]).all() for name in free)
    held = sorted_ranks(net, case.network, fresh, opened)
    name = "stages_0.blocks_0.mlp"
    for width in (16, 32, 64):  # 2 x 8, 2 x 16 and 4 x 8, 4 x 16
        assert set(np.flatnonzero(held[name] < width)) == set(range(width))
