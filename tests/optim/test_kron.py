import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import scale_by_kron
from effjax.optim.kron import _within_trust, annealed_share, spectral_bound

B1 = 0.8


def noise_of(step, seed, shape):
    """The random array of one leaf, and whether the factors are balanced at this update."""
    key = jax.random.fold_in(jax.random.key(seed), step)
    _, improving = jax.random.split(key)
    balance, noise = jax.random.split(improving)
    (leaf,) = jax.random.split(noise, 1)
    v = jax.random.normal(leaf, shape, jnp.float64)
    return np.asarray(v), bool(jax.random.uniform(balance) < 0.01)


def bound(matrix):
    """The authors' lower bound of the norm of a symmetric matrix."""
    largest = np.abs(matrix).max()
    a = matrix / largest
    column = np.argmax((a**2).sum(0))
    x = a[:, column] @ a
    return largest * np.linalg.norm((x / np.linalg.norm(x)) @ a.T)


def by_hand(grads, seed, diagonal):
    """The authors' update of one matrix, Q of both axes triangular, or the second diagonal."""
    m = np.zeros(grads[0].shape)
    left, right = (np.eye(d) for d in m.shape)
    for step, g in enumerate(grads):
        m = B1 * m + (1 - B1) * g
        v, is_balanced = noise_of(step, seed, m.shape)
        assert not is_balanced
        a = left @ m @ right.T
        b = np.linalg.inv(left).T @ v @ np.linalg.inv(right)
        terms = [(a @ a.T, b @ b.T), (a.T @ a, b.T @ b)]
        new = []
        for q, (plus, minus), is_diagonal in zip((left, right), terms, (False, diagonal)):
            if is_diagonal:
                plus, minus = np.diag(plus), np.diag(minus)
                q = q - 0.1 / np.max(plus + minus) * np.diag(plus - minus) @ q
            else:
                q = q - 0.1 / bound(plus + minus) * np.triu(plus - minus) @ q
            new.append(q)
        left, right = new
        u = left.T @ left @ m @ right.T @ right
        u = u / max(1.0, np.sqrt(np.mean(u**2)))
        yield np.clip(u, -1, 1)


@pytest.mark.parametrize("largest_axis", [8, 3])
def test_the_direction_is_the_authors(largest_axis):
    grads = np.random.default_rng(0).standard_normal((4, 3, 4))
    with jax.enable_x64():
        tx = scale_by_kron(B1, largest_axis=largest_axis)
        state = tx.init(jnp.zeros((3, 4), jnp.float64))
        step = jax.jit(tx.update)
        expected = by_hand(grads, 0, diagonal=largest_axis == 3)
        for g, hand in zip(grads, expected, strict=True):
            u, state = step(jnp.asarray(g), state)
            np.testing.assert_allclose(u, hand, rtol=1e-7, atol=1e-12)


def test_the_bound_is_below_the_norm_and_near_it():
    a = np.random.default_rng(1).standard_normal((6, 6))
    matrix = a @ a.T
    norm = np.linalg.norm(matrix, 2)
    assert norm / np.sqrt(2) <= float(spectral_bound(jnp.asarray(matrix))) <= norm * (1 + 1e-5)


def test_steps_stay_within_trust():
    u = _within_trust([jnp.full((3,), 4.0), jnp.array([0.1])])
    np.testing.assert_allclose(u[0], 1.0)
    assert float(u[1][0]) < 0.1
    small = jnp.array([0.5, 0.1])
    np.testing.assert_array_equal(_within_trust([small])[0], small)


def test_updates_of_the_factors_become_rare():
    shares = [float(annealed_share(jnp.asarray(t), 0.03)) for t in (1, 200, 1200, 9000)]
    np.testing.assert_allclose(shares, [1.0, 1.0, np.exp(-1.0), 0.03], rtol=1e-5)
