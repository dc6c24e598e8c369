"""Sanity arms keep as many weights of each layer."""

import numpy as np
import pytest

from effjax.compress.arms import ARMS, arm_of
from effjax.compress.patterns import n_of_m

RNG = np.random.default_rng(0)
MASKS = {
    "a": (RNG.random((8, 6)) < 0.3).astype(np.int8),
    "gone": np.zeros((4, 4), np.int8),
}


@pytest.mark.parametrize("arm", ARMS)
def test_as_many_in_each_layer(arm):
    found = arm_of(arm, MASKS, seed=1)
    assert {path: mask.sum() for path, mask in found.items()} == {
        path: mask.sum() for path, mask in MASKS.items()
    }
    assert (arm == "method") == bool((found["a"] == MASKS["a"]).all())


@pytest.mark.parametrize("arm", ARMS)
def test_a_pattern_holds_in_every_arm(arm):
    masks = n_of_m({"a": RNG.random((8, 6))}, (2, 4))
    found = arm_of(arm, masks, 1, (2, 4))
    assert (found["a"].reshape(2, 4, 6).sum(1) == 2).all()
