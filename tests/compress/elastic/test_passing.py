"""Blocks that are passed by, and norms of some channels."""

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from effjax.compress.elastic.passing import norms_and_blocks
from effjax.models.blocks.norms import LayerNorm


class Double(nn.Module):
    @nn.compact
    def __call__(self, x):
        return 2 * x


class Net(nn.Module):
    @nn.compact
    def __call__(self, x):
        x = Double(name="first")(x)
        return Double(name="second")(x)


def test_a_missing_block_hands_on_what_it_gets():
    x = jnp.arange(3.0)
    with norms_and_blocks({}, {"second": jnp.asarray(False)}):
        np.testing.assert_array_equal(Net().apply({}, x), 2 * x)
    with norms_and_blocks({}, {"second": jnp.asarray(True)}):
        np.testing.assert_array_equal(Net().apply({}, x), 4 * x)
    np.testing.assert_array_equal(Net().apply({}, x), 4 * x)


class Normed(nn.Module):
    @nn.compact
    def __call__(self, x):
        return LayerNorm(name="norm")(x)


def test_a_norm_looks_at_the_channels_that_there_are():
    x = jax.random.normal(jax.random.key(0), (2, 6))
    active = jnp.arange(6) < 4
    variables = Normed().init(jax.random.key(0), x)
    small = Normed().init(jax.random.key(0), x[:, :4])
    with norms_and_blocks({"norm": active}, {}):
        found = Normed().apply(variables, jnp.where(active, x, 0.0))
    np.testing.assert_allclose(found[:, :4], Normed().apply(small, x[:, :4]), atol=1e-6)
