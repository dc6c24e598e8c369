"""Which channels go."""

import numpy as np

from effjax.compress.choose import smallest_of_all, smallest_of_each, smallest_of_equals
from effjax.compress.groups import Group, Member

MEMBER = Member("x", -1, "out", layer="conv")
GROUPS = [Group("a", 4, (MEMBER,)), Group("b", 2, (Member("y", -1, "out", layer="linear"),))]
SCORES = {"a": np.array([0.1, 0.4, 0.2, 0.3]), "b": np.array([0.05, 0.06])}


def test_the_same_share_of_each():
    assert smallest_of_each(GROUPS, SCORES, 0.5) == {"a": [0, 2], "b": [0]}
    assert smallest_of_each(GROUPS, SCORES, 0.3, multiple=2) == {"a": [0, 2], "b": []}


def test_the_smallest_of_all_but_one_of_each():
    assert smallest_of_all(GROUPS, SCORES, 0.5) == {"a": [0], "b": [0]}
    # the code of Torch-Pruning leaves a group alone that would vanish
    assert smallest_of_all(GROUPS, SCORES, 0.5, ties="together") == {"a": [0], "b": []}
    assert smallest_of_all(GROUPS, SCORES, 0.0) == {"a": [], "b": []}


def test_groups_of_other_kinds_are_not_compared():
    assert smallest_of_equals(GROUPS, SCORES, 0.5) == {"a": [0, 2], "b": [0]}
