import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from effjax import optim
from effjax.optim import kl_soap, scale_by_kl_soap, scale_by_soap

B1, B2, EPS = 0.9, 0.8, 1e-8


def by_hand(grads, period):
    """The authors' update of one matrix, with our bias corrections, in NumPy: all directions.

    They keep m in the rotated coordinates, and turn it when these change.
    """
    v, (rows, columns) = np.zeros_like(grads[0]), grads[0].shape
    left = (1 - B2) / columns * grads[0] @ grads[0].T
    right = (1 - B2) / rows * grads[0].T @ grads[0]
    q, p = (np.linalg.eigh(f)[1][:, ::-1] for f in (left, right))
    e, f = np.full(rows, 0.1), np.full(columns, 0.1)
    m, directions = np.zeros_like(v), []
    for t, g in enumerate(grads[1:], start=1):
        turned = q.T @ g @ p
        m, v = B1 * m + (1 - B1) * turned, B2 * v + (1 - B2) * turned**2
        adam = m / (1 - B1**t) / (np.sqrt(v) + EPS) * np.sqrt(1 - B2**t)
        directions.append(q @ adam @ p.T)
        m = q @ m @ p.T
        left = B2 * left + (1 - B2) / columns * g @ p @ np.diag(1 / f) @ p.T @ g.T
        right = B2 * right + (1 - B2) / rows * g.T @ q @ np.diag(1 / e) @ q.T @ g
        of_rows, of_columns = (turned**2 / f).mean(1), (turned**2 / e[:, None]).mean(0)
        e, f = (B2 * old + (1 - B2) * new for old, new in ((e, of_rows), (f, of_columns)))
        e, f = np.maximum(e, 0.01), np.maximum(f, 0.01)
        if t % period == 0:
            q, p = np.linalg.qr(left @ q)[0], np.linalg.qr(right @ p)[0]
        m = q.T @ m @ p
    return directions


@pytest.mark.parametrize("period", [1, 2])
def test_the_update_is_the_authors(period):
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal((4, 3)) @ np.diag([3.0, 1.0, 0.3]) for _ in range(6)]
    with jax.enable_x64():
        tx = scale_by_kl_soap(B1, B2, EPS, refresh_period=period)
        state = tx.init(jnp.asarray(grads[0]))
        first, state = tx.update(jnp.asarray(grads[0]), state)
        np.testing.assert_array_equal(first, 0.0)
        for g, expected in zip(grads[1:], by_hand(grads, period), strict=True):
            u, state = tx.update(jnp.asarray(g), state)
            np.testing.assert_allclose(u, expected, rtol=1e-9, atol=1e-12)


def test_each_factor_is_the_covariance_that_the_other_whitens():
    """The fixed point of the paper's minimisation, at which the factors of SOAP are not."""
    rng = np.random.default_rng(1)
    scales = np.array([[9.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 9.0]])
    grads = 3 * rng.standard_normal((8, 3, 3)) * scales

    def distance(tx):
        def step(state, g):
            return tx.update(g, state)[1], None

        cycles = jnp.tile(jnp.asarray(grads), (400, 1, 1))
        state, _ = jax.jit(lambda state: jax.lax.scan(step, state, cycles))(tx.init(cycles[0]))
        factors = [np.asarray(f) for f in state.factors]
        if isinstance(state, optim.KlSoapState):  # in the coordinates of their bases
            factors = [q @ f @ q.T for q, f in zip(map(np.asarray, state.bases), factors)]
        left, right = factors
        whitened = np.mean([g @ np.linalg.inv(right) @ g.T for g in grads], 0) / 3
        left, whitened = left / np.trace(left), whitened / np.trace(whitened)
        return np.abs(left - whitened).max()

    with jax.enable_x64():
        settings = {"factor_decay": 0.998, "refresh_period": 1}
        assert distance(scale_by_kl_soap(**settings)) < 0.01
        assert distance(scale_by_soap(**settings)) > 0.05


def test_bases_stay_orthogonal_through_many_turns():
    tx = scale_by_kl_soap(refresh_period=1)

    def step(state, key):
        return tx.update(jax.random.normal(key, (6, 5)), state)[1], None

    keys = jax.random.split(jax.random.key(0), 5000)
    state, _ = jax.jit(lambda s: jax.lax.scan(step, s, keys))(tx.init(jnp.zeros((6, 5))))
    for q in state.bases:
        np.testing.assert_allclose(q.T @ q, np.eye(len(q)), atol=2e-6)


def test_axes_that_are_too_long_and_vectors_are_adams():
    grads = [jnp.array([[1.0, 2.0, 0.5]]), jnp.array([[0.3, -1.0, 0.2]])]
    for shape in ((3,), (1, 3)):
        tx, adam = scale_by_kl_soap(largest_axis=0), optax.scale_by_adam(0.95, 0.95, eps=0.0)
        state, other = tx.init(grads[0].reshape(shape)), adam.init(grads[0].reshape(shape))
        _, state = tx.update(grads[0].reshape(shape), state)
        for g in grads:
            u, state = tx.update(g.reshape(shape), state)
            expected, other = adam.update(g.reshape(shape), other)
            np.testing.assert_allclose(u, expected, rtol=1e-5)


def test_a_period_of_nothing_is_answered():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        scale_by_kl_soap(refresh_period=0)
    with pytest.raises(ValueError, match="got refresh_period=0, expected int in"):
        kl_soap(0.1, refresh_period=0)
