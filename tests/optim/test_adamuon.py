import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import scale_by_adamuon
from effjax.optim.matrices import orthogonalized

BETA, B2, EPS = 0.9, 0.8, 1e-8


@pytest.mark.parametrize("sign", [False, True])
def test_the_step_is_the_authors(sign):
    """On [outputs, inputs], as in PyTorch; what is orthogonal has a test of its own."""
    rng = np.random.default_rng(0)
    m, v = np.zeros((5, 3)), np.zeros(15)
    with jax.enable_x64():
        tx = scale_by_adamuon(BETA, B2, EPS, sign=sign)
        state = tx.init(jnp.zeros((5, 3), jnp.float64))
        for t in range(1, 4):
            g = rng.standard_normal((5, 3))
            m = BETA * m + (1 - BETA) * g
            momentum = BETA * m + (1 - BETA) * g
            momentum = np.sign(momentum) if sign else momentum
            u = np.asarray(orthogonalized(jnp.asarray(momentum).T)).ravel()
            v = B2 * v + (1 - B2) * u * u
            u = u / (np.sqrt(v / (1 - B2**t)) + EPS)
            # the direction, and what their step multiplies the learning rate by
            u = u * min(5, 3) ** 0.5 / (np.linalg.norm(u) + EPS)
            u = 0.2 * max(5, 3) ** 0.5 * u.reshape(3, 5)
            found, state = tx.update(jnp.asarray(g), state)
            np.testing.assert_allclose(np.asarray(found).T, u, rtol=1e-9)


def test_steps_have_the_size_of_adams():
    g = jnp.asarray(np.random.default_rng(1).standard_normal((2, 2, 3, 5)), jnp.float32)
    tx = scale_by_adamuon()
    u, _ = tx.update(g, tx.init(g))
    assert float(jnp.sqrt(jnp.mean(u**2))) == pytest.approx(0.2, rel=1e-5)
