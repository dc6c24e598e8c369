import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax import optim
from effjax.optim.variants import scheduled

P = jnp.array([1.0, -1.0])


def test_noise_is_annealed_and_repeats():
    tx = optim.noisy_sgd(1.0, eta=1.0, gamma=2.0)
    zero = jnp.zeros(4096)
    state, sizes = tx.init(zero), []
    for _ in range(3):
        u, state = tx.update(zero, state)
        sizes.append(float(jnp.std(u)))
    # the standard deviation is (1 + t)^-1
    np.testing.assert_allclose(sizes, [1, 1 / 2, 1 / 3], rtol=0.1)
    again, _ = tx.update(zero, tx.init(zero))
    np.testing.assert_allclose(float(jnp.std(again)), sizes[0])


def test_random_keys_are_stored_as_integers():
    state = optim.noisy_sgd(1.0).init(P)
    assert not any(jnp.issubdtype(a.dtype, jax.dtypes.prng_key) for a in jax.tree.leaves(state))


def test_private_gradients_are_clipped_one_by_one():
    tx = optim.dpsgd(1.0, l2_norm_clip=1.0, noise_multiplier=0.0)
    grads = jnp.array([[3.0, 4.0], [0.3, 0.4]])  # norms 5 and 0.5
    u, _ = tx.update(grads, tx.init(P), P)
    np.testing.assert_allclose(u, -np.array([0.6 + 0.3, 0.8 + 0.4]) / 2, rtol=1e-5)


def test_a_schedule_for_a_method_that_takes_a_number():

    tx = scheduled(lambda rate: optax.sgd(rate), lambda count: 0.5 * (count + 1))
    state = tx.init(P)
    for rate in (0.5, 1.0):
        u, state = tx.update(P, state)
        np.testing.assert_allclose(u, -rate * P)
