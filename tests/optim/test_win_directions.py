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
