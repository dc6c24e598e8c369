import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.optim import cautious, create


def test_entries_against_the_gradient_stay_and_the_others_grow():
    """Momentum from a first gradient against a second one of other signs."""
    tx = cautious(optax.sgd(0.1, momentum=0.9))
    params = jnp.zeros(4)
    state = tx.init(params)
    _, state = tx.update(jnp.array([1.0, 1.0, -1.0, 1.0]), state, params)
    g = jnp.array([0.5, -0.5, -0.5, 0.0])
    updates, _ = tx.update(g, state, params)
    # momentum 0.9 * first + g, kept where its sign is that of g; two of four: twice as large
    np.testing.assert_allclose(updates, [-0.1 * 1.4 * 2, 0, 0.1 * 1.4 * 2, 0], rtol=1e-6)


def test_no_agreement_is_no_step():
    tx = cautious(optax.scale(1.0))  # uphill
    updates, _ = tx.update(jnp.array([1.0, -2.0]), tx.init(jnp.zeros(2)), jnp.zeros(2))
    np.testing.assert_array_equal(updates, 0.0)


def test_the_factory_keeps_the_decay_outside_the_mask():
    params, g = jnp.array([1.0, -2.0, 3.0]), jnp.array([-1.0, 1.0, 1.0])
    plain, decayed = (create("cautious", 0.1, inner="lion", weight_decay=wd) for wd in (0.0, 0.5))
    steps = [tx.update(g, tx.init(params), params)[0] for tx in (plain, decayed)]
    np.testing.assert_allclose(steps[1] - steps[0], -0.1 * 0.5 * params, rtol=1e-5)
    masked = create("cautious", 0.1, inner="lion", weight_decay=0.5, mask=False)
    np.testing.assert_allclose(masked.update(g, masked.init(params), params)[0], steps[0])


def test_a_schedule_serves_the_optimizer_and_the_decay():
    tx = create("cautious", lambda t: 0.1 * (t + 1), inner="sgd", weight_decay=1.0)
    params = jnp.ones(3)
    state = tx.init(params)
    for t in range(3):
        updates, state = jax.jit(tx.update)(jnp.ones(3), state, params)
        np.testing.assert_allclose(updates, -0.2 * (t + 1), rtol=1e-6)
