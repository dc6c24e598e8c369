import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax.optim import scale_by_soap, soap

B1, B2, EPS = 0.9, 0.8, 1e-8


def by_hand(grads, period):
    """The authors' update of one matrix, in NumPy: directions of all steps."""
    m, v = np.zeros_like(grads[0]), np.zeros_like(grads[0])
    factors = [np.zeros((d, d)) for d in m.shape]
    directions, bases = [], []
    for t, g in enumerate(grads):
        if t:
            left, right = bases
            m, rotated = B1 * m + (1 - B1) * g, left.T @ g @ right
            v = B2 * v + (1 - B2) * rotated**2
            adam = (left.T @ m @ right) / (np.sqrt(v) + EPS) * np.sqrt(1 - B2**t) / (1 - B1**t)
            directions.append(left @ adam @ right.T)
        factors = [B2 * f + (1 - B2) * s for f, s in zip(factors, (g @ g.T, g.T @ g))]
        if t == 0:
            bases = [np.linalg.eigh(f)[1][:, ::-1] for f in factors]
        elif t % period == 0:
            for axis, f in enumerate(factors):
                q = bases[axis]
                order = np.argsort(-np.diag(q.T @ f @ q))
                v = np.take(v, order, axis)
                bases[axis] = np.linalg.qr(f @ q[:, order])[0]
    return directions


@pytest.mark.parametrize("period", [1, 3])
def test_the_update_is_the_authors(period):
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal((4, 3)) @ np.diag([3.0, 1.0, 0.3]) for _ in range(8)]
    with jax.enable_x64():
        tx = scale_by_soap(B1, B2, EPS, refresh_period=period)
        state = tx.init(jnp.asarray(grads[0]))
        first, state = tx.update(jnp.asarray(grads[0]), state)
        np.testing.assert_array_equal(first, 0.0)
        for g, expected in zip(grads[1:], by_hand(grads, period), strict=True):
            u, state = tx.update(jnp.asarray(g), state)
            np.testing.assert_allclose(u, expected, rtol=1e-9, atol=1e-12)


def test_turned_coordinates_make_no_difference():
    """What SOAP is for: the same path in any orthogonal coordinates; Adam's is another."""
    rng = np.random.default_rng(1)
    turn = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    a = rng.standard_normal((6, 4)) * np.array([2.0, 1.0, 0.5, 0.2])
    target = rng.standard_normal((6, 3))

    def path(tx, a):
        a, x = jnp.asarray(a), jnp.zeros((4, 3))
        state = tx.init(x)
        for _ in range(6):
            updates, state = tx.update(a.T @ (a @ x - target), state, x)
            x = optax.apply_updates(x, updates)
        return np.asarray(x)

    with jax.enable_x64():
        tx, adam = soap(0.05, refresh_period=2), optax.adam(0.05)
        np.testing.assert_allclose(turn @ path(tx, a @ turn), path(tx, a), atol=1e-6)
        assert np.abs(turn @ path(adam, a @ turn) - path(adam, a)).max() > 0.01


def test_axes_that_are_too_long_and_vectors_are_adams():
    grads = [jnp.array([[1.0, 2.0, 0.5]]), jnp.array([[0.3, -1.0, 0.2]])]
    for shape in ((3,), (1, 3)):
        tx, adam = scale_by_soap(largest_axis=0), optax.scale_by_adam(0.95, 0.95, eps=0.0)
        state, other = tx.init(grads[0].reshape(shape)), adam.init(grads[0].reshape(shape))
        _, state = tx.update(grads[0].reshape(shape), state)
        for g in grads:
            u, state = tx.update(g.reshape(shape), state)
            expected, other = adam.update(g.reshape(shape), other)
            np.testing.assert_allclose(u, expected, rtol=1e-5)


def test_a_period_of_nothing_is_answered():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        scale_by_soap(refresh_period=0)
    with pytest.raises(ValueError, match="got refresh_period=0, expected int in"):
        soap(0.1, refresh_period=0)
