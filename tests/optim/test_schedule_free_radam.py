import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.optim import eval_params, schedule_free_radam
from effjax.optim.schedule_free_radam import rectification

B1, B2, EPS, RATE, DECAY = 0.8, 0.9, 1e-8, 0.1, 0.05


def by_hand(grads, y):
    """The authors' y and x after each update, in NumPy."""
    z, v, weight_sum, largest = y.copy(), np.zeros_like(y), 0.0, -1.0
    for t, g in enumerate(grads, 1):
        end = 2 / (1 - B2) - 1
        n = end - 2 * t * B2**t / (1 - B2**t)
        rect = 0.0
        if n > 4:
            rect = np.sqrt((n - 4) * (n - 2) * end / ((end - 4) * (end - 2) * n))
        lr = RATE * rect
        largest = max(lr, largest)
        weight_sum += largest**2
        c = largest**2 / weight_sum if weight_sum else 0.0
        v = B2 * v + (1 - B2) * g * g
        u = g / (np.sqrt(v / (1 - B2**t)) + EPS) + DECAY * y
        y = y + c * (z - y) - lr * (1 - B1 * (1 - c)) * u
        z = z - lr * u
        yield y, y + (1 - 1 / B1) * (z - y)


def test_the_path_is_the_authors():
    grads = np.random.default_rng(0).standard_normal((9, 3))
    with jax.enable_x64():
        y = jnp.asarray([1.0, -2.0, 0.5])
        tx = schedule_free_radam(RATE, B1, B2, EPS, weight_decay=DECAY)
        state = tx.init(y)
        for g, (y_hand, x_hand) in zip(grads, by_hand(grads, np.asarray(y)), strict=True):
            updates, state = tx.update(jnp.asarray(g), state, y)
            y = optax.apply_updates(y, updates)
            np.testing.assert_allclose(y, y_hand, rtol=1e-7)
            np.testing.assert_allclose(eval_params(y, state), x_hand, rtol=1e-7)


def test_the_first_updates_are_silent():
    shares = [float(rectification(0.999, jnp.asarray(t))) for t in (1, 4, 6, 100000)]
    assert shares[:2] == [0.0, 0.0]
    assert 0 < shares[2] < 0.1
    assert shares[3] == pytest.approx(1.0, abs=1e-3)
