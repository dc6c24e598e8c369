import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import models
from effjax.compress.generators.dit_parts import OpenBlock, Parts
from effjax.errors import UserError
from tests.compress.generators.tiny_dit import SHAPE, tiny_dit

# of three blocks: three heads and two groups of hidden channels each; then the depths
GATES = np.asarray([[1, 0, 1, 0, 1], [0, 0, 0, 0, 1], [0, 1, 0, 1, 1]]).reshape(-1)
GATES = np.concatenate([GATES, [1, 0, 1]]).astype(np.float64)


def inputs(dtype):
    rng = np.random.default_rng(1)
    x = jnp.asarray(rng.standard_normal((2, *SHAPE)), dtype)
    return x, jnp.asarray([3.0, 700.0], dtype), jnp.asarray([1, 4])


def test_a_network_under_gates_is_the_smaller_network():
    with jax.enable_x64():
        model, params = tiny_dit()
        # float64 from end to end
        model = model.clone(dtype="float64", param_dtype="float64")
        parts = Parts(model, 2, SHAPE)
        given = inputs(jnp.float64)
        under, features = jax.jit(parts.apply)(params, jnp.asarray([GATES, GATES]), *given)
        blocks = parts.opened(GATES)
        assert blocks == (OpenBlock(0, (0, 2), (1,)), OpenBlock(2, (1,), (0, 1)))
        small = parts.small_model(blocks)
        alone = jax.jit(small.apply)({"params": parts.small_params(params, blocks)}, *given)
        assert alone.dtype == jnp.float64
        np.testing.assert_allclose(under, alone, rtol=1e-12, atol=1e-12)
        # the closed block gives what it takes
        np.testing.assert_array_equal(features[1], features[0])


def test_each_example_has_gates_of_its_own():
    model, params = tiny_dit()
    parts = Parts(model, 2, SHAPE)
    given = inputs(jnp.float32)
    apply = jax.jit(parts.apply)
    both = jnp.asarray([GATES, np.ones(18)], jnp.float32)
    mixed, _ = apply(params, both, *given)
    for number in (0, 1):
        alone, _ = apply(params, both[jnp.asarray([number, number])], *given)
        np.testing.assert_allclose(mixed[number], alone[number], atol=1e-5)
    whole = jax.jit(model.apply)({"params": params}, *given)
    np.testing.assert_allclose(mixed[1], whole[1], atol=1e-5)


def test_costs_are_those_of_the_smaller_networks():
    parts = Parts(tiny_dit()[0], 2, SHAPE)
    rng = np.random.default_rng(2)
    draws = (rng.uniform(size=(5, 18)) < 0.5).astype(np.float64)
    draws[:, [0, 3, 5, 8, 10, 13, 15]] = 1  # something of each layer, and a block
    for gates in (GATES, np.ones(18), *draws):
        small = models.cost(parts.small_model(parts.opened(gates)), SHAPE).macs
        assert parts.open_macs(gates[None])[0] + parts.macs.outside == small
    assert parts.total == models.cost(parts.model, SHAPE).macs


def test_what_cannot_be_divided_is_refused():
    with pytest.raises(UserError, match="24 hidden channels do not divide into 5 groups"):
        Parts(tiny_dit()[0], 5, SHAPE)
    with pytest.raises(UserError, match="has been cut already"):
        Parts(tiny_dit(block_heads=(1, 2, 3))[0], 2, SHAPE)
