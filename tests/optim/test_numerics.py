import re

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim.numerics import bias_correction, no_recompute, order_after, unzip_map


@pytest.mark.parametrize("decay", [0.0, 0.9, 0.999, 0.99999])
def test_bias_correction_is_exact_in_float32(decay):
    for count in (1, 2, 1000):
        exact = 1 - np.float64(decay) ** count
        np.testing.assert_allclose(bias_correction(decay, jnp.asarray(count)), exact, rtol=3e-7)


def test_unzip_map_keeps_structures_and_empty_trees():
    trees = ({"a": 1, "b": (2,)}, {"a": 10, "b": (20,)})
    sums, products = unzip_map(lambda x, y: (x + y, x * y), trees, count=2)
    assert sums == {"a": 11, "b": (22,)}
    assert products == {"a": 10, "b": (40,)}
    assert unzip_map(lambda x: (x, x), ({},), count=2) == ({}, {})


def test_a_compiled_rule_is_traced_once_for_leaves_of_one_shape():
    traced = []

    def rule(x):
        traced.append(x.shape)
        return x + 1, 2 * x

    @jax.jit
    def update(tree):
        return unzip_map(rule, (tree,), count=2)

    sums, products = update({"a": jnp.ones(2), "b": jnp.zeros(2), "c": jnp.ones(3)})
    assert sorted(traced) == [(2,), (3,)]
    assert sums["b"].tolist() == [1, 1]
    assert products["c"].tolist() == [2, 2, 2]


def test_a_flag_beside_the_leaves_stays_one():
    def of_kind(x, is_kernel):  # decides what is traced
        return (x if is_kernel else -x), x

    signs = jax.jit(lambda tree: unzip_map(of_kind, (tree, {"a": True, "b": False}), count=2)[0])
    assert signs({"a": jnp.ones(()), "b": jnp.ones(())}) == {"a": 1.0, "b": -1.0}


def test_ordering_hints_change_no_value():
    values = jnp.array([1.5, -2.0, 0.0, jnp.inf, -jnp.inf, jnp.nan])
    np.testing.assert_array_equal(jax.jit(no_recompute)(values), values)
    np.testing.assert_array_equal(jax.jit(order_after)(values, values[::-1], -values), values)


@pytest.mark.parametrize("name", ["adan", "sgd_win", "adam_win", "adamw_win", "adamw_win2"])
def test_a_donated_update_copies_no_whole_array(name):
    params = {"a": jnp.ones((64, 32)), "b": jnp.ones((32, 16))}
    tx = optim.create(name, 0.1, weight_decay=0.05)

    def step(params, state, grads):
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state

    jitted = jax.jit(step, donate_argnums=(0, 1))
    program = jitted.lower(params, tx.init(params), params).compile().as_text()
    assert not re.findall(r"f32\[\d+,\d+\]\{[\d,]*\} copy\(", program)
