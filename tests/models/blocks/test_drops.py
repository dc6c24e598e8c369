import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.models.blocks.drops import Dropout, StochasticDepth, stochastic_depth_rates

KEY = jax.random.key(0)


@pytest.mark.parametrize("layer", [Dropout(0.25), StochasticDepth(0.25)])
def test_draws_keep_the_mean_and_belong_to_examples(layer):
    ones, examples = jnp.ones((4000, 3, 2)), jnp.arange(4000)
    y = layer.apply({}, ones, examples, rngs={"dropout": KEY})
    np.testing.assert_allclose(np.unique(y), [0, 4 / 3], rtol=1e-6)
    assert abs(float(y.mean()) - 1) < 0.05
    some = jnp.array([7, 3])
    np.testing.assert_array_equal(layer.apply({}, ones[:2], some, rngs={"dropout": KEY}), y[some])
    assert layer.apply({}, ones, None) is ones


def test_stochastic_depth_keeps_or_drops_whole_branches():
    y = StochasticDepth(0.5).apply({}, jnp.ones((64, 3, 2)), jnp.arange(64), rngs={"dropout": KEY})
    per_example = np.asarray(y).reshape(64, -1)
    np.testing.assert_array_equal(per_example.min(1), per_example.max(1))


def test_stochastic_depth_rates_grow_over_the_whole_depth():
    rates = stochastic_depth_rates(0.4, (2, 1, 2))
    np.testing.assert_allclose(np.concatenate(rates), [0, 0.1, 0.2, 0.3, 0.4])
    assert [len(stage) for stage in rates] == [2, 1, 2]
