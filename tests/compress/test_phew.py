"""Walks that prefer large weights."""

import numpy as np
import pytest

from effjax.compress.phew import phew_masks, steps_of
from effjax.errors import UserError

RNG = np.random.default_rng(0)
CHAIN = {"a": RNG.normal(size=(3, 3, 2, 4)), "b": RNG.normal(size=(3, 3, 1, 4)),
         "c": RNG.normal(size=(4, 3))}  # fmt: skip


def test_probabilities_sum_to_one():
    steps = steps_of(CHAIN["a"])
    np.testing.assert_allclose(steps.forward.sum(1), np.ones(2))
    np.testing.assert_allclose(steps.backward.sum(1), np.ones(4))
    np.testing.assert_allclose(steps.taps.sum(-1), np.ones((4, 2)))


def test_masks_keep_the_density():
    masks = phew_masks(CHAIN, 0.3, seed=0)
    kept = sum(int(mask.sum()) for mask in masks.values())
    total = sum(weight.size for weight in CHAIN.values())
    # the last walk may keep one weight a layer more
    assert 0 <= kept - int(0.3 * total) <= 2


def test_large_weights_are_kept_more_often():
    weights = {"a": np.array([[1.0, 1e9, 1.0, 1.0]] * 3)}
    # six walks at most: three from the inputs, which all take the large weights, and others back
    assert phew_masks(weights, 0.5, seed=0)["a"][:, 1].all()


def test_layers_that_do_not_follow_are_refused():
    with pytest.raises(UserError, match="a has 4 outputs, b has 3 inputs"):
        phew_masks({"a": np.ones((2, 4)), "b": np.ones((3, 5))}, 0.5, 0)
