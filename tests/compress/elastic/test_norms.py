"""Norms of narrow networks, and batch statistics."""

import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from effjax.compress.elastic.norms import mean_statistics, norm_of_active, recalibrated
from effjax.models.blocks.norms import CHANNELS, WHOLE_MAP, BatchNorm, LayerNorm

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("over", [CHANNELS, WHOLE_MAP])
def test_a_norm_sees_the_channels_that_there_are(over):
    active = np.array([True, False, True, True])
    x = RNG.standard_normal((2, 3, 3, 4)) * active
    scale, bias = RNG.standard_normal((2, 4))
    norm = LayerNorm(over=over)
    params = {"scale": jnp.asarray(scale), "bias": jnp.asarray(bias)}
    found = norm_of_active(norm.bind({"params": params}), jnp.asarray(x), jnp.asarray(active))
    narrow = {"scale": scale[active], "bias": bias[active]}
    want = norm.apply({"params": narrow}, jnp.asarray(x[..., active]))
    np.testing.assert_allclose(found[..., active], want, atol=1e-12)
    assert not found[..., ~active].any()


def test_batches_weigh_by_their_images():
    found = mean_statistics([{"mean": np.array([1.0])}, {"mean": np.array([4.0])}], [1, 2])
    assert found["mean"] == pytest.approx(3.0)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x, train):
        examples = jnp.arange(len(x)) if train else None
        return BatchNorm(name="norm")(x, examples)


def test_old_statistics_are_forgotten():
    batches = [RNG.standard_normal((4, 2, 2, 3)), RNG.standard_normal((8, 2, 2, 3))]
    old = {"mean": np.full(3, 100.0), "var": np.full(3, 100.0)}
    params = {"norm": {"scale": np.ones(3), "bias": np.zeros(3)}}
    variables = {"params": params, "batch_stats": {"norm": old}}

    def apply(variables, images, train, mutable):
        return Normed().apply(variables, jnp.asarray(images), train, mutable=list(mutable))

    found = recalibrated(apply, variables, batches)["batch_stats"]["norm"]
    means = [batch.mean((0, 1, 2)) for batch in batches]
    variances = [batch.var((0, 1, 2), ddof=1) for batch in batches]
    np.testing.assert_allclose(found["mean"], (means[0] + 2 * means[1]) / 3, rtol=1e-6)
    np.testing.assert_allclose(found["var"], (variances[0] + 2 * variances[1]) / 3, rtol=1e-6)


def test_a_network_without_statistics_stays_as_it_is():
    variables = {"params": {}}
    assert recalibrated(None, variables, []) is variables
