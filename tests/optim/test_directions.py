import jax.numpy as jnp
import numpy as np

from effjax.optim import scale_by_moments, scale_by_momentum

GRADS = [jnp.array([1.0, -2.0]), jnp.array([-0.5, 4.0]), jnp.array([0.1, 0.1])]


def directions(tx):
    state, found = tx.init(GRADS[0]), []
    for g in GRADS:
        u, state = tx.update(g, state)
        found.append(np.asarray(u))
    return found


def test_the_first_gradient_is_not_dampened():
    first, second, _ = directions(scale_by_momentum(0.9, 0.5))
    np.testing.assert_allclose(first, GRADS[0])
    np.testing.assert_allclose(second, 0.9 * GRADS[0] + 0.5 * GRADS[1], rtol=1e-6)


def test_nesterov_looks_ahead():
    first, *_ = directions(scale_by_momentum(0.9, nesterov=True))
    np.testing.assert_allclose(first, 1.9 * GRADS[0], rtol=1e-6)


def test_moments_by_hand():
    for amsgrad in (False, True):
        found = directions(scale_by_moments(0.9, 0.5, 1e-3, amsgrad=amsgrad))
        m = v = largest = np.zeros(2)
        for t, (g, u) in enumerate(zip(GRADS, found), 1):
            m, v = 0.9 * m + 0.1 * g, 0.5 * v + 0.5 * g**2
            largest = np.maximum(largest, v)
            root = np.sqrt(largest if amsgrad else v) / np.sqrt(1 - 0.5**t)
            np.testing.assert_allclose(u, m / (1 - 0.9**t) / (root + 1e-3), rtol=1e-5)


def test_where_eps_stands():
    """Before the correction it is larger, by 1 / sqrt(1 - b2) at the first update."""
    g = float(GRADS[0][0])
    early, *_ = directions(scale_by_moments(0.9, 0.75, 0.5, early_eps=True))
    late, *_ = directions(scale_by_moments(0.9, 0.75, 0.5))
    np.testing.assert_allclose(early[0], g / (g + 1.0), rtol=1e-6)
    np.testing.assert_allclose(late[0], g / (g + 0.5), rtol=1e-6)
