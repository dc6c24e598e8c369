import jax
import jax.numpy as jnp
import numpy as np
import optax

from effjax.optim import laprop

B1, B2, EPS = 0.8, 0.95, 1e-12


def test_the_path_is_the_authors():
    """Their code at a constant rate, without its decay."""
    rng = np.random.default_rng(0)
    p, m, v, rate = np.ones(4), np.zeros(4), np.zeros(4), 0.1
    with jax.enable_x64():
        tx = laprop(rate, B1, B2, EPS)
        x = jnp.asarray(p)
        state = tx.init(x)
        for t in range(1, 5):
            g = rng.standard_normal(4)
            v = B2 * v + (1 - B2) * g * g
            m = B1 * m + (1 - B1) * rate * g / (np.sqrt(v / (1 - B2**t)) + EPS)
            p = p - m / (1 - B1**t)
            updates, state = tx.update(jnp.asarray(g), state, x)
            x = optax.apply_updates(x, updates)
            np.testing.assert_allclose(x, p, rtol=1e-10)


def test_the_decay_is_decoupled():
    p, g = jnp.array([2.0, -1.0]), jnp.array([0.3, 0.1])
    plain, decayed = laprop(0.1), laprop(0.1, weight_decay=0.5)
    steps = [tx.update(g, tx.init(p), p)[0] for tx in (plain, decayed)]
    np.testing.assert_allclose(steps[1] - steps[0], -0.1 * 0.5 * p, rtol=1e-5)
