import jax.numpy as jnp
import numpy as np
import optax

from effjax.optim import cautious_decay, create

P = jnp.array([1.0, -2.0, 3.0, -4.0])
G = jnp.array([1.0, 1.0, -1.0, -1.0])  # of SGD: u = g, of the sign of p in the first and the last


def one_step(tx):
    return tx.update(G, tx.init(P), P)[0]


def test_only_what_goes_towards_zero_decays():
    plain = -0.1 * G
    expected = plain - 0.1 * 0.5 * P * jnp.array([1.0, 0.0, 0.0, 1.0])
    by_hand = cautious_decay(optax.sgd(0.1), 0.1, weight_decay=0.5)
    by_name = create("cautious_decay", 0.1, inner="sgd", weight_decay=0.5)
    np.testing.assert_allclose(one_step(by_hand), expected, rtol=1e-6)
    np.testing.assert_allclose(one_step(by_name), expected, rtol=1e-6)


def test_a_leaf_that_the_mask_leaves_out_does_not_decay():
    tx = create("cautious_decay", 0.1, inner="sgd", weight_decay=0.5, mask=False)
    np.testing.assert_allclose(one_step(tx), -0.1 * G, rtol=1e-6)


def test_where_nothing_moves_everything_decays():
    """u = 0 agrees with all signs."""
    tx = cautious_decay(optax.sgd(0.1), 0.1, weight_decay=0.5)
    updates, _ = tx.update(jnp.zeros(4), tx.init(P), P)
    np.testing.assert_allclose(updates, -0.05 * P, rtol=1e-6)


def test_factors_of_the_rate_reach_the_decay():
    tx = create("cautious_decay", 0.1, inner="sgd", weight_decay=0.5, lr_scale=0.5)
    whole = create("cautious_decay", 0.05, inner="sgd", weight_decay=0.5)
    np.testing.assert_allclose(one_step(tx), one_step(whole), rtol=1e-6)
