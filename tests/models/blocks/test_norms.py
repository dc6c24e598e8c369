import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.models.blocks.norms import CHANNELS, WHOLE_MAP, BatchNorm, LayerNorm, batch_groups

X = 3 + 2 * np.random.default_rng(0).standard_normal((8, 3, 5, 4)).astype(np.float32)
EXAMPLES = np.arange(8)
STATE = {
    "params": {"scale": jnp.arange(1.0, 5.0), "bias": jnp.ones(4)},
    "batch_stats": {"mean": jnp.zeros(4), "var": jnp.ones(4)},
}


def test_batch_norm_is_that_of_pytorch():
    y, updated = BatchNorm().apply(STATE, X, EXAMPLES, mutable=["batch_stats"])
    tokens = X.reshape(-1, 4)
    normalised = (X - tokens.mean(0)) / np.sqrt(tokens.var(0) + 1e-5)
    np.testing.assert_allclose(y, normalised * np.arange(1, 5) + 1, rtol=1e-4, atol=1e-4)
    stats = updated["batch_stats"]
    np.testing.assert_allclose(stats["mean"], 0.1 * tokens.mean(0), rtol=1e-5)
    np.testing.assert_allclose(stats["var"], 0.9 + 0.1 * tokens.var(0, ddof=1), rtol=1e-5)
    frozen = BatchNorm().apply(STATE, X, None)
    expected = X / np.sqrt(1 + 1e-5) * np.arange(1, 5) + 1
    np.testing.assert_allclose(frozen, expected, rtol=1e-5)


def test_batch_norm_sees_the_whole_batch_on_many_devices():
    whole, wanted = BatchNorm().apply(STATE, X, EXAMPLES, mutable=["batch_stats"])

    def part(x, examples):
        return BatchNorm("batch").apply(STATE, x, examples, mutable=["batch_stats"])

    parts, updated = jax.pmap(part, "batch")(X.reshape(4, 2, *X.shape[1:]), EXAMPLES.reshape(4, 2))
    np.testing.assert_allclose(parts.reshape(X.shape), whole, rtol=1e-5, atol=1e-5)
    last = jax.tree.map(lambda leaf: leaf[-1], updated)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), last, wanted)

    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    sharded = jax.device_put(X, NamedSharding(mesh, PartitionSpec("data")))
    train = jax.jit(lambda x: BatchNorm().apply(STATE, x, EXAMPLES, mutable=["batch_stats"]))
    _, updated = train(sharded)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), updated, wanted)


def test_layer_norm_over_channels_and_over_the_map():
    params = {"params": {"scale": jnp.arange(1.0, 5.0)}}
    for over, axes in ((CHANNELS, 3), (WHOLE_MAP, (1, 2, 3))):
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


def test_padded_examples_count_for_no_statistic():
    some = np.array([0, 2, 3, 7])
    _, wanted = BatchNorm().apply(STATE, X[some], some, mutable=["batch_stats"])
    indices = np.where(np.isin(EXAMPLES, some), EXAMPLES, -1 - EXAMPLES)
    junk = np.where(np.isin(EXAMPLES, some)[:, None, None, None], X, 1e3)
    _, updated = BatchNorm().apply(STATE, junk, indices, mutable=["batch_stats"])
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), updated, wanted)
    _, updated = BatchNorm().apply(STATE, X, -1 - EXAMPLES, mutable=["batch_stats"])
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(updated))


def test_groups_of_a_batch_have_statistics_of_their_own():
    x = jax.random.normal(jax.random.key(0), (6, 2, 2, 3)) * 3 + 1
    examples = jnp.arange(6)
    norm = BatchNorm()
    variables = norm.init(jax.random.key(1), x, None)
    with batch_groups(3):
        y, changed = norm.apply(variables, x, examples, mutable=["batch_stats"])
    parts = []
    averages = []
    for part in x.reshape(3, 2, 2, 2, 3):
        out, own = norm.apply(variables, part, jnp.arange(2), mutable=["batch_stats"])
        parts.append(out)
        averages.append(own)
    np.testing.assert_allclose(y, jnp.concatenate(parts), atol=1e-5)
    mean = jax.tree.map(lambda *leaves: sum(leaves) / 3, *averages)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5), changed, mean)


def test_without_scale_and_bias_a_norm_has_no_parameters():
    variables = BatchNorm(affine=False).init(jax.random.key(1), jnp.ones((4, 3)), None)
    assert set(variables) == {"batch_stats"}
