"""N of every M weights."""

import numpy as np
import pytest

from effjax.compress.patterns import n_of_m, read_pattern, shuffled_groups
from effjax.errors import UserError


def test_the_largest_of_every_group_are_kept():
    scores = np.array([[4.0, 1.0], [3.0, 2.0], [2.0, 3.0], [1.0, 4.0]])  # 4 inputs, 2 outputs
    (mask,) = n_of_m({"a": scores}, (2, 4)).values()
    assert mask.T.tolist() == [[1, 1, 0, 0], [0, 0, 1, 1]]


def test_every_group_of_a_convolution_has_as_many():
    rng = np.random.default_rng(0)
    scores = {"conv": rng.random((3, 3, 8, 5)), "stem": rng.random((3, 3, 3, 4))}
    masks = n_of_m(scores, (1, 4))
    assert masks["stem"].all()  # 4 does not divide its 3 inputs
    groups = masks["conv"].reshape(3, 3, 2, 4, 5)
    assert (groups.sum(3) == 1).all()
    shuffled = shuffled_groups(masks, (1, 4), seed=0)
    assert (shuffled["conv"].reshape(3, 3, 2, 4, 5).sum(3) == 1).all()
    assert (shuffled["conv"] != masks["conv"]).any()


def test_equal_scores_keep_the_first():
    (mask,) = n_of_m({"a": np.zeros((4, 1))}, (2, 4)).values()
    assert mask.ravel().tolist() == [1, 1, 0, 0]


@pytest.mark.parametrize("text", ["2", "4:2", "0:4", "a:b", "2:2", ":"])
def test_what_is_no_pattern_is_refused(text):
    with pytest.raises(UserError, match="expected N:M"):
        read_pattern(text)


def test_a_network_without_such_groups_is_refused():
    with pytest.raises(UserError, match="no layer has a number of inputs that 4 divides"):
        n_of_m({"a": np.zeros((3, 5))}, (2, 4))
