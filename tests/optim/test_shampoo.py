import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import scale_by_shampoo

B1, B2, EPS, GRAFT_EPS = 0.9, 0.8, 1e-6, 1e-8


def root(matrix, order):
    values, vectors = np.linalg.eigh(matrix)
    return vectors @ np.diag((values - min(values.min(), 0) + EPS) ** (-1 / order)) @ vectors.T


def by_hand(grads, period):
    """The authors' search directions of one block of one or two axes, in NumPy."""
    shape = grads[0].shape
    m, v = np.zeros(shape), np.zeros(shape)
    factors = [np.zeros((d, d)) for d in shape]
    for t, g in enumerate(grads, 1):
        outer = [np.outer(g, g)] if g.ndim == 1 else [g @ g.T, g.T @ g]
        factors = [B2 * f + (1 - B2) * o for f, o in zip(factors, outer, strict=True)]
        v = B2 * v + (1 - B2) * g**2
        if t % period == 0:
            roots = [root(f / (1 - B2**t), 2 * len(shape)) for f in factors]
        m = B1 * m + (1 - B1) * g
        mean = m / (1 - B1**t)
        graft = mean / (np.sqrt(v / (1 - B2**t)) + GRAFT_EPS)
        if t < period:
            yield graft
            continue
        u = roots[0] @ mean if g.ndim == 1 else roots[0] @ mean @ roots[1]
        yield u * np.linalg.norm(graft) / (np.linalg.norm(u) + 1e-16)


def directions(grads, **settings):
    tx = scale_by_shampoo(B1, B2, EPS, graft_eps=GRAFT_EPS, **settings)
    state = tx.init(jnp.asarray(grads[0]))
    step = jax.jit(tx.update)
    for g in grads:
        u, state = step(jnp.asarray(g), state)
        yield np.asarray(u)


@pytest.mark.parametrize(("shape", "period"), [((3, 2), 2), ((3,), 1)])
def test_the_direction_is_the_authors(shape, period):
    grads = np.random.default_rng(0).standard_normal((5, *shape))
    with jax.enable_x64():
        found = directions(grads, refresh_period=period)
        for u, expected in zip(found, by_hand(grads, period), strict=True):
            np.testing.assert_allclose(u, expected, rtol=1e-7, atol=1e-12)


def test_a_kernel_is_cut_into_blocks_that_know_nothing_of_each_other():
    """[1, 2, 2, 3] is the matrix [4, 3]: blocks of at most two rows and two columns."""
    grads = np.random.default_rng(1).standard_normal((2, 1, 2, 2, 3))
    with jax.enable_x64():
        found = list(directions(grads, block_size=2, refresh_period=1))
        flat = grads.reshape(2, 4, 3)
        for rows in (slice(0, 2), slice(2, 4)):
            for columns in (slice(0, 2), slice(2, 3)):
                expected = by_hand(flat[:, rows, columns], 1)
                for u, alone in zip(found, expected, strict=True):
                    block = u.reshape(4, 3)[rows, columns]
                    np.testing.assert_allclose(block, alone, rtol=1e-7)
