"""Weights fitted anew."""

import numpy as np
import pytest

from effjax.compress.reconstruct import Walk, largest_inputs, refit, rounded_up

RNG = np.random.default_rng(0)


def test_what_depends_on_what_is_kept_is_given_back():
    inputs = RNG.normal(size=(40, 3))
    # the last input is a sum of the others: without it nothing is lost
    whole = np.c_[inputs, inputs.sum(1)]
    kernel = RNG.normal(size=(4, 2))
    fitted = refit(inputs, whole @ kernel)
    np.testing.assert_allclose(inputs @ fitted, whole @ kernel, atol=1e-10)


def test_the_inputs_with_the_largest_weights():
    kernel = np.array([[1.0, 1.0], [-9.0, 0.0], [2.0, 2.0]])
    assert largest_inputs(kernel, 2).tolist() == [1, 2]


def test_rounding():
    assert rounded_up(5, 4, 12) == 8
    assert rounded_up(11, 4, 11) == 8


def test_a_wall_leaves_room_for_the_layers_behind():
    walk = Walk({"a": 10.0, "b": 10.0, "dw": 4.0}, {"a": [], "b": ["dw"]}, least=0.5)
    assert walk.total == 24.0
    ratio = walk.wall(1, 1.0, budget=0.75)
    walk.ratios[1] = ratio
    assert walk.cost() == pytest.approx(0.75 * walk.total)
    assert walk.wall(1, 0.1, budget=0.75) == 0.5
