"""Channels that go together."""

import numpy as np

from effjax.compress.groups import Group, Member, cut, kept_of, silence

GROUP = Group(
    "a",
    3,
    (
        Member("a/kernel", -1, "out", unit=2, repeats=2),  # [I, 2 * 3 * 2]
        Member("a/bias", 0, "with", unit=2, repeats=2),
        Member("b/kernel", -2, "in", unit=2),
    ),
)
ARRAYS = {
    "a/kernel": np.arange(24.0).reshape(2, 12),
    "a/bias": np.arange(12.0),
    "b/kernel": np.arange(1.0, 25.0).reshape(6, 4),
}


def test_heads_stand_side_by_side():
    assert GROUP.members[0].entries([0, 2], 3).tolist() == [0, 1, 4, 5, 6, 7, 10, 11]
    rows = GROUP.members[1].rows(ARRAYS["a/bias"], 3)
    assert rows.tolist() == [[0, 1, 6, 7], [2, 3, 8, 9], [4, 5, 10, 11]]


def test_every_member_is_cut():
    small = cut(ARRAYS, [GROUP], {"a": kept_of(GROUP, [1])})
    assert small["a/kernel"].shape == (2, 8)
    assert small["a/bias"].tolist() == [0, 1, 4, 5, 6, 7, 10, 11]
    assert small["b/kernel"][:, 0].tolist() == [1, 5, 17, 21]


def test_nothing_reads_what_is_not_kept():
    quiet = silence(ARRAYS, [GROUP], {"a": [0, 2]})
    assert not quiet["b/kernel"][2:4].any()
    assert (quiet["b/kernel"][[0, 1, 4, 5]] == ARRAYS["b/kernel"][[0, 1, 4, 5]]).all()
    assert quiet["a/kernel"] is ARRAYS["a/kernel"]
