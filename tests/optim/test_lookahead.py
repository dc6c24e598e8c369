import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim


def run(tx, p, grads, jit=True):
    """Parameters and states after each update."""

    def step(p, state, g):
        updates, state = tx.update(g, state, p)
        return optax.apply_updates(p, updates), state

    step = jax.jit(step) if jit else step
    state, rows = tx.init(p), []
    for g in grads:
        p, state = step(p, state, g)
        rows.append((p, state))
    return rows


@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16])
@pytest.mark.parametrize("jit", [True, False])
def test_fast_and_slow_are_equal_after_a_sync_to_the_last_bit(dtype, jit):
    p = jax.random.normal(jax.random.key(0), (513,)).astype(dtype)
    grads = jax.random.normal(jax.random.key(1), (9, 513)).astype(dtype)
    tx = optim.create("lookahead", 0.05, inner="adam", sync_period=3, slow_step_size=0.37)
    for t, (fast, state) in enumerate(run(tx, p, grads, jit), 1):
        slow = optim.eval_params(fast, state)
        assert slow.dtype == jnp.float32  # of bfloat16 parameters: from their masters
        assert bool(jnp.all(slow.astype(dtype) == fast)) == (t % 3 == 0)


def test_sync_in_closed_form():
    p, g = jnp.array([4.0]), jnp.ones((1, 1))
    rows = run(optim.lookahead(optax.sgd(1.0), 2, 0.25), p, [g[0]] * 4)
    fast = [float(p[0]) for p, _ in rows]
    slow = [float(state.slow[0]) for _, state in rows]
    assert fast == [3.0, 3.5, 2.5, 3.0]  # 4 - 2 = 2, and 4 + (2 - 4) / 4 = 3.5
    assert slow == [4.0, 3.5, 3.5, 3.0]


@pytest.mark.parametrize("kind", ["none", "reset", "pullback"])
def test_what_a_sync_does_to_the_inner_state(kind):
    schedule = optim.create_schedule("linear", peak=0.1, total_steps=10)
    inner = optax.chain(optax.trace(0.5), optax.scale_by_learning_rate(schedule))
    tx = optim.lookahead(inner, 2, 0.25, inner_state=kind)
    rows = run(tx, jnp.zeros(1), [jnp.ones(1)] * 4)
    momenta = [float(state.inner[0].trace[0]) for _, state in rows]
    expected = {
        "none": [1.0, 1.5, 1.75, 1.875],
        "reset": [1.0, 0.0, 1.0, 0.0],
        "pullback": [1.0, 0.375, 1.1875, 0.25 * 1.59375 + 0.75 * 0.375],
    }
    np.testing.assert_allclose(momenta, expected[kind], rtol=1e-6)
    assert [int(state.inner[1].count) for _, state in rows] == [1, 2, 3, 4]


def test_reset_keeps_an_injected_rate():
    tx = optim.lookahead(optim.create_injected("adam", 0.1), 2, inner_state="reset")
    p = jnp.ones(2)
    state = optim.set_learning_rate(tx.init(p), 0.3)
    for _ in range(2):
        _, state = tx.update(p, state, p)
    np.testing.assert_allclose(state.inner.hyperparams["learning_rate"], 0.3)
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(state.inner.inner_state))


def test_slow_weights_of_one_group():
    groups = {"on": optim.create("lookahead", 0.1, sync_period=5), "off": optim.create("sgd", 0.1)}
    tx = optax.multi_transform(groups, {"a": "on", "b": "off"})
    p = {"a": jnp.ones(2), "b": jnp.ones(2)}
    updates, state = tx.update(p, tx.init(p), p)
    new = optax.apply_updates(p, updates)
    evaluated = optim.eval_params(new, state)
    np.testing.assert_array_equal(evaluated["a"], p["a"])
    np.testing.assert_array_equal(evaluated["b"], new["b"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sync_period": 0}, "got sync_period=0, expected int in"),
        ({"inner_state": "rest"}, "expected one of 'none', 'reset', 'pullback'"),
    ],
)
def test_mistakes_are_answered(arguments, message):
    with pytest.raises(ValueError, match=message):
        optim.lookahead(optax.sgd(0.1), **arguments)


def test_hyperparameters_of_the_inner_optimizer_are_checked():
    with pytest.raises(ValueError, match="'adam' has no hyperparameter 'momentum'"):
        optim.create("lookahead", 0.1, inner="adam", momentum=0.9)
    with pytest.raises(ValueError, match="did you mean 'adam'"):
        optim.create("slrla", 0.1, inner="adamm")
