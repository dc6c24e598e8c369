"""Which of two programs is kept when a program is lowered."""

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import NamedSharding, PartitionSpec

from effjax.ops.onednn.one_cpu import on_one_cpu


def told_apart(x):
    return on_one_cpu(x, on_cpu=lambda x: x + 1, fallback=lambda x: x + 100)


X = jnp.arange(16.0)


def test_one_device_alone():
    np.testing.assert_array_equal(jax.jit(told_apart)(X), X + 1)
    np.testing.assert_array_equal(told_apart(X), X + 1)


def test_under_vmap():
    np.testing.assert_array_equal(jax.jit(jax.vmap(told_apart))(X[None]), X[None] + 1)


def test_a_program_over_several_devices():
    mesh = jax.make_mesh((8,), ("data",))
    split = NamedSharding(mesh, PartitionSpec("data"))
    found = jax.jit(told_apart, in_shardings=split)(X)
    np.testing.assert_array_equal(jax.block_until_ready(found), X + 100)


def test_each_device_of_a_pmap_is_alone():
    found = jax.pmap(told_apart)(X.reshape(8, 2))
    np.testing.assert_array_equal(jax.block_until_ready(found).ravel(), X + 1)
