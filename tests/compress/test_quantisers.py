"""Plain quantisers."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.compress import quantisers as q
from effjax.errors import UserError


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_have_few_levels_and_a_straight_gradient(bits):
    weights = jax.random.normal(jax.random.key(0), (200,))
    levels = np.unique(np.round(np.asarray(q.linear_weights(weights, bits)), 6))
    assert len(levels) <= 2**bits - 1
    slope = jax.grad(lambda w: q.linear_weights(w, bits).sum())(weights)
    np.testing.assert_array_equal(slope, np.ones(200))


def test_activations_have_no_gradient_outside_of_their_range():
    x = jnp.array([-1.0, 0.5, 3.0])
    slopes = jax.grad(lambda x, r: q.linear_activations(x, r, 4).sum(), (0, 1))(x, 2.0)
    assert slopes[0].tolist() == [0.0, 1.0, 0.0]
    assert float(slopes[1]) == 1.0


def test_separated_clusters_are_found():
    weights = np.repeat([-1.0, 0.0, 2.0, 5.0], 10) + np.tile([-0.01, 0.01], 20)
    centroids, clusters = q.kmeans(weights, 2)
    np.testing.assert_allclose(centroids, [-1, 0, 2, 5], atol=1e-12)
    assert clusters.tolist() == np.repeat(np.arange(4), 10).tolist()


def test_a_limit_leaves_out_a_tail():
    values = np.random.default_rng(0).standard_t(3, 4000)
    assert q.calibrated_limit(values, 3) < np.abs(values).max()


def test_one_bit_of_weights_is_refused():
    with pytest.raises(UserError, match="from 2 to 16"):
        q.linear_weights(jnp.ones(3), 1)
