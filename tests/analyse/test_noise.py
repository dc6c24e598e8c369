"""Minibatches of a run are independent, and large networks are looked at in part."""

import numpy as np

from effjax.analyse import noise
from effjax.curvature.noise_scale import exact_noise_scale


def test_gradients_of_every_block(subject):
    gradients, squares, together = noise.minibatch_gradients(subject, 6)
    assert {name: part.shape[0] for name, part in gradients.items()} == {
        "body": 6,
        "head": 6,
        "norm": 6,
    }
    joined = np.concatenate(list(gradients.values()), 1)
    np.testing.assert_allclose((joined**2).sum(1), squares, rtol=1e-4)
    np.testing.assert_allclose((joined.mean(0) ** 2).sum(), together, rtol=1e-4)
    assert exact_noise_scale(joined).noise > 0


def test_a_part_keeps_neighbours(subject):
    places = noise._places({"a": np.zeros((4, 5)), "b": np.zeros(10)}, most=15)
    assert places["a"].tolist() == list(range(10))
    assert places["b"].tolist() == [20, 21, 22, 23, 24]


def test_dead_coordinates_are_left_out():
    gradients = np.random.default_rng(0).standard_normal((20, 60))
    gradients[:, :15] = 0
    found = noise.index_of(gradients, np.random.default_rng(0))
    assert found["share of dead coordinates"] == 0.25
    assert np.isfinite(found["tail index, pooled"])
    assert noise.index_of(0 * gradients, None) == {"share of dead coordinates": 1.0}
