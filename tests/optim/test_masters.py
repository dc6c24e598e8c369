"""Small steps in parameters of 16 bits."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim

PARAMS = {"w": jnp.linspace(-2.0, 2.0, 12).reshape(3, 4), "b": jnp.linspace(0.5, 1.5, 4)}
GRADS = {"w": jnp.full((3, 4), 0.25), "b": jnp.full(4, -0.5)}


def in_bfloat16(tree):
    return jax.tree.map(lambda p: p.astype(jnp.bfloat16), tree)


def run(tx, params, steps):
    @jax.jit
    def step(params, state):
        updates, state = tx.update(GRADS, state, params)
        return optax.apply_updates(params, updates), state

    state = tx.init(params)
    for _ in range(steps):
        params, state = step(params, state)
    return params, state


@pytest.mark.parametrize("name", ["adamw", "adan", "lookahead", "sgd_win2"])
def test_masters_take_the_steps_of_float32_parameters(name):
    """60 updates of 1e-4: in bfloat16 alone a third of the parameters never moves."""
    tx = optim.create(name, 1e-4, weight_decay=0.01)
    low = in_bfloat16(PARAMS)
    params, state = run(tx, low, 60)
    wide = jax.tree.map(lambda p: p.astype(jnp.float32), low)
    expected, expected_state = run(tx, wide, 60)
    evaluated = optim.eval_params(params, state)
    wanted = optim.eval_params(expected, expected_state)
    # two programs of one rule: a compiler may fuse one multiplication more in one of them
    jax.tree.map(lambda a, b: np.testing.assert_array_max_ulp(a, b, 2), evaluated, wanted)
    jax.tree.map(np.testing.assert_array_equal, params, in_bfloat16(expected))
    assert all(a.dtype == jnp.float32 for a in jax.tree.leaves(evaluated))


def test_the_parameter_is_the_rounded_master_also_after_a_large_step():
    params = {"w": jnp.array([1e-6, 300.0, -1.0], jnp.bfloat16)}
    tx = optim.create("sgd", 1.0)
    grads = {"w": jnp.array([-100.0, 300.0 - 1e-3, 3.0])}
    updates, state = tx.update(grads, tx.init(params), params)
    new = optax.apply_updates(params, updates)
    np.testing.assert_array_equal(new["w"], state.masters["w"].astype(jnp.bfloat16))


def test_only_parameters_below_float32_have_masters():
    mixed = {"w": PARAMS["w"].astype(jnp.bfloat16), "b": PARAMS["b"]}
    state = optim.create("sgd", 0.1).init(mixed)
    assert [a.shape for a in jax.tree.leaves(state.masters)] == [(3, 4)]
    plain = optim.create("sgd", 0.1).init(PARAMS)
    assert not isinstance(plain, optim.MastersState)


def test_masters_of_one_group():
    """As the training does it: the leaves of other groups are blanks."""
    low = in_bfloat16(PARAMS)
    picked = {"w": low["w"], "b": optax.MaskedNode()}
    tx = optim.create_injected("adamw", 1e-4)
    state = optim.set_learning_rate(tx.init(picked), 1e-3)
    grads = {"w": GRADS["w"], "b": optax.MaskedNode()}
    updates, state = tx.update(grads, state, picked)
    assert updates["w"].dtype == jnp.float32
    evaluated = optim.eval_params(picked, state)
    np.testing.assert_allclose(evaluated["w"], low["w"].astype(jnp.float32) - 1e-3, rtol=1e-5)


def test_parameters_are_needed():
    tx = optim.with_masters(optax.sgd(0.1))
    low = in_bfloat16(PARAMS)
    with pytest.raises(ValueError, match="need the parameters"):
        tx.update(GRADS, tx.init(low))
