"""Progressive shrinking."""

import itertools

import numpy as np

from effjax.compress.elastic.phases import first_of_widths, open_options


def test_kinds_open_one_after_another(filled):
    space = filled("caformer_s18").net.space
    opened = open_options(space)
    assert (opened[0] == 1).all()
    assert (opened[-1] == [len(choice.options) for choice in space.choices]).all()
    assert (np.diff(opened, axis=0) >= 0).all()
    kinds = []
    for before, after in itertools.pairwise(opened):
        changed = np.flatnonzero(after != before)
        kinds.append({space.names[place].split(".")[-1 if "blocks" in space.names[place] else 0]
                      for place in changed})  # fmt: skip
    assert kinds == [{"kernel_sizes"}, {"depths"}, {"dims", "mlp_ratio"}]


def test_channels_are_sorted_before_widths_open(filled):
    space = filled("caformer_s18").net.space
    assert first_of_widths(space, open_options(space)) == [3]
