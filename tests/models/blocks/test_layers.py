import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from effjax.models.blocks.layers import (
    BatchNorm,
    Dropout,
    LayerNorm,
    StarReLU,
    StochasticDepth,
    stochastic_depth_rates,
)

KEY = jax.random.key(0)
X = 3 + 2 * np.random.default_rng(0).standard_normal((8, 3, 5, 4)).astype(np.float32)
STATE = {
    "params": {"scale": jnp.arange(1.0, 5.0), "bias": jnp.ones(4)},
    "batch_stats": {"mean": jnp.zeros(4), "var": jnp.ones(4)},
}


def test_batch_norm_is_that_of_pytorch():
    y, updated = BatchNorm().apply(STATE, X, True, mutable=["batch_stats"])
    tokens = X.reshape(-1, 4)
    normalised = (X - tokens.mean(0)) / np.sqrt(tokens.var(0) + 1e-5)
    np.testing.assert_allclose(y, normalised * np.arange(1, 5) + 1, rtol=1e-4, atol=1e-4)
    stats = updated["batch_stats"]
    np.testing.assert_allclose(stats["mean"], 0.1 * tokens.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * tokens.var(0, ddof=1), rtol=1e-5)
    frozen = BatchNorm().apply(STATE, X, False)
    expected = X / np.sqrt(1 + 1e-5) * np.arange(1, 5) + 1
    np.testing.assert_allclose(frozen, expected, rtol=1e-5)


def test_batch_norm_sees_the_whole_batch_on_many_devices():
    whole, wanted = BatchNorm().apply(STATE, X, True, mutable=["batch_stats"])

    def part(x):
        return BatchNorm("batch").apply(STATE, x, True, mutable=["batch_stats"])

    parts, updated = jax.pmap(part, "batch")(X.reshape(4, 2, *X.shape[1:]))
    np.testing.assert_allclose(parts.reshape(X.shape), whole, rtol=1e-5, atol=1e-5)
    last = jax.tree.map(lambda leaf: leaf[-1], updated)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), last, wanted)

    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = jax.device_put(X, NamedSharding(mesh, PartitionSpec("data")))
    _, updated = jax.jit(lambda x: BatchNorm().apply(STATE, x, True, mutable=["batch_stats"]))(
        sharded
    )
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), updated, wanted)


def test_layer_norm_over_channels_and_over_the_map():
    params = {"params": {"scale": jnp.arange(1.0, 5.0)}}
    for over, axes in (((-1,), 3), ((-3, -2, -1), (1, 2, 3))):
        y = LayerNorm(1e-6, use_bias=False, over=over).apply(params, X)
        centred = X - X.mean(axes, keepdims=True)
        wanted = centred / np.sqrt(X.var(axes, keepdims=True) + 1e-6) * np.arange(1, 5)
        np.testing.assert_allclose(y, wanted, rtol=1e-4, atol=1e-5)


def test_statistics_of_low_precision_are_taken_in_float32():
    params = {"params": {"scale": jnp.ones(4), "bias": jnp.zeros(4)}}
    x = jnp.asarray(1000 + X, jnp.bfloat16)
    y = LayerNorm().apply(params, x)
    wanted = LayerNorm().apply(params, x.astype(jnp.float32))
    assert y.dtype == jnp.bfloat16
    np.testing.assert_array_equal(y, wanted.astype(jnp.bfloat16))


def test_star_relu():
    params = {"params": {"scale": jnp.array([2.0]), "bias": jnp.array([-1.0])}}
    y = StarReLU().apply(params, jnp.array([[-3.0, 0.0, 3.0]]))
    np.testing.assert_array_equal(y, [[-1.0, -1.0, 17.0]])


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
