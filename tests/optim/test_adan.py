import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim


def test_first_step_is_adams_first_step():
    g = jnp.array([3.0, -2.0, 1e-4, 0.0])
    tx = optim.scale_by_adan(eps=1e-8)
    u, _ = tx.update(g, tx.init(g))
    np.testing.assert_allclose(u, g / (jnp.abs(g) + 1e-8), rtol=1e-6)


def test_the_rule_by_hand_at_the_second_step():
    b1, b2, b3, eps = 0.9, 0.7, 0.6, 1e-8
    g1, g2 = 2.0, 5.0
    tx = optim.scale_by_adan(b1, b2, b3, eps)
    state = tx.init(jnp.zeros([]))
    _, state = tx.update(jnp.asarray(g1), state)
    u, _ = tx.update(jnp.asarray(g2), state)

    m = b1 * (1 - b1) * g1 + (1 - b1) * g2
    v = (1 - b2) * (g2 - g1)
    n = b3 * (1 - b3) * g1**2 + (1 - b3) * (g2 + b2 * (g2 - g1)) ** 2
    expected = (m / (1 - b1**2) + b2 * v / (1 - b2**2)) / (np.sqrt(n / (1 - b3**2)) + eps)
    np.testing.assert_allclose(u, expected, rtol=1e-6)


@pytest.mark.parametrize("no_prox", [False, True])
def test_decay_without_a_gradient(no_prox):
    p = jnp.array([1.0, -3.0])
    tx = optim.adan(0.1, weight_decay=0.5, no_prox=no_prox)
    updates, _ = tx.update(jnp.zeros(2), tx.init(p), p)
    expected = p * (1 - 0.05) if no_prox else p / 1.05
    np.testing.assert_allclose(p + updates, expected, rtol=1e-6)


def test_restart_clears_the_averages_and_keeps_the_schedule():
    p = jnp.ones(3)
    schedule = optim.create_schedule("linear", peak=0.1, total_steps=10)
    tx = optim.adan(schedule)
    state = tx.init(p)
    for _ in range(4):
        _, state = tx.update(p, state, p)
    state = optim.restart(state)
    adan, step = state[1], state[2]
    assert int(adan.count) == 0
    assert int(step.count) == 4
    assert not any(np.any(a) for a in (adan.mu, adan.delta, adan.nu))

    u, _ = tx.update(p, state, p)
    np.testing.assert_allclose(u, -schedule(4) * np.ones(3), rtol=1e-5)


def test_restart_when_equals_the_explicit_restart():
    key = jax.random.key(0)
    grads = jax.random.normal(key, (8, 5))
    plain = optim.scale_by_adan()
    conditional = optim.scale_by_adan(restart_when=lambda state, g: state.count >= 3)
    a, b = plain.init(grads[0]), conditional.init(grads[0])
    for t, g in enumerate(grads):
        if t in (3, 6):
            a = optim.restart(a)
        u_plain, a = plain.update(g, a)
        u_conditional, b = conditional.update(g, b)
        np.testing.assert_array_equal(u_plain, u_conditional)


def test_moment_dtypes():
    p = jnp.ones(4, jnp.bfloat16)
    wide = optim.scale_by_adan().init(p)
    assert {leaf.dtype for leaf in jax.tree.leaves(wide[1:])} == {jnp.dtype("float32")}

    tx = optim.scale_by_adan(
        mu_dtype=jnp.bfloat16, previous_dtype=jnp.bfloat16, nu_dtype=jnp.float32
    )
    u, state = tx.update(p, tx.init(p))
    assert u.dtype == jnp.float32
    assert state.mu.dtype == state.previous.dtype == jnp.bfloat16
    assert state.delta.dtype == state.nu.dtype == jnp.float32


def test_clipping_happens_before_the_difference():
    p, g = jnp.zeros(2), jnp.array([30.0, 40.0])
    tx = optim.adan(0.1, max_grad_norm=5.0)
    _, state = tx.update(g, tx.init(p), p)
    np.testing.assert_allclose(state[1].previous, [3.0, 4.0], rtol=1e-6)


def test_masked_leaves_do_not_decay():
    p = {"w": jnp.ones(2), "b": jnp.ones(2)}
    tx = optim.adan(0.1, weight_decay=1.0, mask=lambda tree: {"w": True, "b": False})
    updates, _ = tx.update(jax.tree.map(jnp.zeros_like, p), tx.init(p), p)
    p = optax.apply_updates(p, updates)
    np.testing.assert_allclose(p["w"], 1 / 1.1, rtol=1e-6)
    np.testing.assert_array_equal(p["b"], 1.0)


def test_decay_needs_the_parameters():
    tx = optim.adan(0.1)
    with pytest.raises(ValueError, match="needs the parameters"):
        tx.update(jnp.ones(2), tx.init(jnp.ones(2)))
