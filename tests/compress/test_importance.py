"""How much a channel matters."""

import numpy as np
import pytest

from effjax.compress.groups import Group, Member
from effjax.compress.importance import IMPORTANCES, fpgm, l1, lamp, norm_scale, taylor

GROUP = Group(
    "a",
    3,
    (
        Member("a/kernel", -1, "out"),
        Member("norm/scale", 0, "norm"),
        Member("norm/bias", 0, "with"),
        Member("b/kernel", -2, "in"),
    ),
)
ARRAYS = {
    "a/kernel": np.array([[1.0, -2.0, 0.0], [1.0, 0.0, 0.0]]),
    "norm/scale": np.array([1.0, -3.0, 2.0]),
    "norm/bias": np.array([100.0, 0.0, 0.0]),
    "b/kernel": np.array([[1.0], [1.0], [4.0]]),
}


def test_l1_is_the_mean_over_members_by_its_own_mean():
    sums = np.array([[2, 2, 0], [1, 3, 2], [1, 1, 4]]).mean(0)
    np.testing.assert_allclose(l1(GROUP, ARRAYS), sums / sums.mean())


def test_scales_of_norms():
    np.testing.assert_allclose(norm_scale(GROUP, ARRAYS), np.array([1, 3, 2]) / 2)


def test_taylor_of_no_gradient_is_nothing():
    zeros = {path: np.zeros_like(array) for path, array in ARRAYS.items()}
    assert not taylor(GROUP, ARRAYS, zeros).any()


def test_lamp_of_the_largest_is_one():
    found = lamp(GROUP, ARRAYS)
    assert found.max() == 1.0
    assert found.argmax() == l1(GROUP, {**ARRAYS}).argmax() or found.argmax() in (1, 2)


def test_equal_channels_can_be_replaced():
    group = Group("a", 3, (Member("a/kernel", -1, "out"),))
    found = fpgm(group, {"a/kernel": np.array([[1.0, 1.0, 9.0]])})
    assert found[0] == found[1] < found[2]


@pytest.mark.parametrize("name", sorted(IMPORTANCES.entries))
def test_each_gives_a_number_for_every_channel(name):
    found = IMPORTANCES.find(name)(GROUP, ARRAYS, ARRAYS)
    assert found.shape == (3,)
    assert (found >= 0).all()
