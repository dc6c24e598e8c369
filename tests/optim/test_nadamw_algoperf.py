import jax
import jax.numpy as jnp
import numpy as np

from effjax.optim import nadamw_algoperf

B1, B2, EPS = 0.9, 0.99, 1e-6


def test_the_path_is_the_baselines():
    rng = np.random.default_rng(0)
    m, v = np.zeros(4), np.zeros(4)
    with jax.enable_x64():
        p = jnp.asarray([1.0, -2.0, 3.0, 0.5])
        tx = nadamw_algoperf(0.1, B1, B2, EPS, weight_decay=0.3)
        state = tx.init(p)
        for t in range(1, 5):
            g = rng.standard_normal(4)
            m, v = (1 - B1) * g + B1 * m, (1 - B2) * g**2 + B2 * v
            ahead = ((1 - B1) * g + B1 * m) / (1 - B1**t)
            expected = -0.1 * (ahead / (np.sqrt(v / (1 - B2**t)) + EPS) + 0.3 * np.asarray(p))
            updates, state = tx.update(jnp.asarray(g), state, p)
            np.testing.assert_allclose(updates, expected, rtol=1e-10)
            p = p + updates
