import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax import optim
from effjax.optim import scale_by_soap_muon
from effjax.optim.matrices import orthogonalized

BETA, B2, EPS = 0.9, 0.8, 1e-8


def by_hand(grads, period):
    """What the record makes orthogonal, in NumPy; what is orthogonal has a test of its own."""
    m, v = np.zeros_like(grads[0]), np.zeros_like(grads[0])
    left, right = (np.zeros((d, d)) for d in m.shape)
    q, p = None, None
    for t, g in enumerate(grads):
        m = BETA * m + (1 - BETA) * g
        w = BETA * m + (1 - BETA) * g
        if q is not None:
            turned = q.T @ w @ p
            v = B2 * v + (1 - B2) * turned**2
            evened = q @ (turned / (np.sqrt(v) + EPS)) @ p.T
            w = evened * np.linalg.norm(w) / np.linalg.norm(evened)
        yield w
        left, right = B2 * left + (1 - B2) * g @ g.T, B2 * right + (1 - B2) * g.T @ g
        if q is None:
            q, p = (np.linalg.eigh(f)[1][:, ::-1] for f in (left, right))
        elif t % period == 0:
            rows, columns = np.diag(q.T @ left @ q), np.diag(p.T @ right @ p)
            rows, columns = np.argsort(-rows), np.argsort(-columns)
            v = v[rows][:, columns]
            q, p = np.linalg.qr(left @ q[:, rows])[0], np.linalg.qr(right @ p[:, columns])[0]


@pytest.mark.parametrize("period", [1, 2])
def test_the_update_is_that_of_the_record(period):
    rng = np.random.default_rng(0)
    grads = [rng.standard_normal((3, 4)) * np.linspace(0.1, 3, 4) for _ in range(6)]
    with jax.enable_x64():
        tx = scale_by_soap_muon(BETA, B2, EPS, refresh_period=period)
        state = tx.init(jnp.zeros((3, 4), jnp.float64))
        for g, w in zip(grads, by_hand(grads, period), strict=True):
            u, state = tx.update(jnp.asarray(g), state)
            expected = (4 / 3) ** 0.5 * np.asarray(orthogonalized(jnp.asarray(w)))
            # 1e-7 beside the norm, which the records make longer
            np.testing.assert_allclose(u, expected, rtol=1e-5, atol=1e-6)


def test_kernels_are_turned_along_their_own_axes_and_folded():
    """A window of one pixel changes nothing."""
    grads = [np.random.default_rng(i).standard_normal((5, 3)) for i in range(3)]
    tx = scale_by_soap_muon(refresh_period=1)
    with jax.enable_x64():
        one, two = tx.init(jnp.zeros((5, 3))), tx.init(jnp.zeros((1, 1, 5, 3)))
        for g in grads:
            dense, one = tx.update(jnp.asarray(g), one)
            kernel, two = tx.update(jnp.asarray(g).reshape(1, 1, 5, 3), two)
            np.testing.assert_allclose(kernel.reshape(5, 3), dense, atol=1e-8)


def test_the_first_update_is_muons():
    grads = [jnp.asarray(np.random.default_rng(i).standard_normal((5, 3))) for i in range(2)]
    tx, muon = scale_by_soap_muon(), optim.scale_by_muon()
    u, _ = tx.update(grads[0], tx.init(grads[0]))
    expected, _ = muon.update(grads[0], muon.init(grads[0]))
    np.testing.assert_allclose(u, expected, rtol=1e-6)


def test_a_period_of_nothing_is_answered():
    with pytest.raises(ValueError, match="at least 1, got 0"):
        scale_by_soap_muon(refresh_period=0)
