"""The directions that Win accelerates."""

import jax.numpy as jnp
import optax

from effjax import optim


def test_win_of_muon_accelerates_muons_direction():
    params, grads = jnp.ones((2, 3)), jnp.arange(6.0).reshape(2, 3)
    tx = optim.muon_win(0.1, weight_decay=0.2)
    by_hand = optax.chain(optim.scale_by_muon(), optim.accelerated_step(0.1, 0.2))
    updates, _ = tx.update(grads, tx.init(params), params)
    expected, _ = by_hand.update(grads, by_hand.init(params), params)
    assert jnp.allclose(updates, expected, rtol=1e-6)


def test_win_of_kl_soap_and_of_soap_muon_accelerates_their_directions():
    params, grads = jnp.ones((2, 3)), jnp.array([[3.0, 1.0, 0.5], [-1.0, 2.0, 0.1]])
    pairs = (
        (optim.kl_soap_win(0.1, eps=0.1), optim.scale_by_kl_soap(eps=0.1)),
        (optim.soap_muon_win(0.1, eps=0.1), optim.scale_by_soap_muon(eps=0.1)),
    )
    for tx, direction in pairs:
        by_hand = optax.chain(direction, optim.accelerated_step(0.1))
        state, state_by_hand = tx.init(params), by_hand.init(params)
        for g in (grads, grads[::-1]):
            updates, state = tx.update(g, state, params)
            expected, state_by_hand = by_hand.update(g, state_by_hand, params)
            assert jnp.allclose(updates, expected, rtol=1e-5)
