import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim


def fast_weights(tx, p, grads):
    """The parameters after each update."""
    state, points = tx.init(p), []
    for g in grads:
        updates, state = tx.update(g, state, p)
        p = optax.apply_updates(p, updates)
        points.append(p)
    return points


def test_anchor_with_a_period_of_its_own():
    p, beta = jnp.array([1.0]), 0.1
    tx = optim.slrla(optax.sgd(1.0), 100, penalty=beta, penalty_period=2)
    fast = [float(p[0]) for p in fast_weights(tx, p, [jnp.ones(1)] * 3)]
    anchored = [1.0, 0.0]  # -(1 + 2 beta (p - anchor)) each step; the anchor moves at steps 0 and 2
    second = fast[0] - (1 + 2 * beta * (fast[0] - anchored[0]))
    np.testing.assert_allclose(fast, [0.0, second, second - 1.0], rtol=1e-6)


def test_shared_and_own_anchor_agree():
    grads = jax.random.normal(jax.random.key(3), (12, 7))
    shared = optim.slrla(optax.sgd(0.1, momentum=0.9), 4, 0.5)
    inner = optim.lookahead(optax.sgd(0.1, momentum=0.9), 4, 0.5)
    own = optax.chain(optim.add_local_penalty(0.2, 4), inner)
    of_shared, of_own = (fast_weights(tx, grads[0], grads) for tx in (shared, own))
    for a, b in zip(of_shared, of_own):
        np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-7)
