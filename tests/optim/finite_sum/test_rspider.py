import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import Euclidean, Grassmann, Spd, Sphere, Stiefel, r_spider

D, K, N = 8, 2, 256
SPECTRUM = jnp.array([3.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2, 0.1])
DATA = jax.random.normal(jax.random.key(0), (N, D)) * SPECTRUM[None, :]


def pca_gradient(x, batch):
    """Of the negative variance inside the span of x, with weights that order its columns."""
    weights = jnp.array([2.0, 1.0])[None, :] if x.ndim == 2 else 1.0
    return -2 * batch.T @ (batch @ x) / len(batch) * weights


def last_of(run, steps):
    return next(itertools.islice(run, steps - 1, None))


def eigenvectors():
    _, vectors = np.linalg.eigh(np.asarray(DATA.T @ DATA, np.float64))
    return vectors[:, ::-1]


@pytest.mark.parametrize("manifold", [Stiefel(), Grassmann()], ids=["Stiefel", "Grassmann"])
def test_leading_eigenspace(manifold):
    x = jnp.linalg.qr(jax.random.normal(jax.random.key(1), (D, K)))[0]
    gradient = pca_gradient
    if isinstance(manifold, Grassmann):  # a function of the span: equal weights
        gradient = lambda x, b: -2 * b.T @ (b @ x) / len(b)  # noqa: E731
    run = r_spider(
        gradient, x, DATA, manifold, key=jax.random.key(2), step_size=0.2, decay=0.9, period=16
    )
    x = last_of(run, 1600).params
    cosines = np.linalg.svd(eigenvectors()[:, :K].T @ np.asarray(x))[1]
    np.testing.assert_allclose(cosines, 1, atol=1e-5)
    if type(manifold) is Stiefel:  # the weights pick the eigenvectors themselves
        overlap = np.abs(eigenvectors()[:, :K].T @ np.asarray(x))
        np.testing.assert_allclose(overlap, np.eye(K), atol=1e-2)


def test_leading_eigenvector_on_the_sphere():
    x = jnp.ones(D) / D**0.5
    run = r_spider(
        pca_gradient, x, DATA, Sphere(), key=jax.random.key(3), step_size=0.2, decay=0.9, period=16
    )
    last = last_of(run, 1200)
    assert abs(eigenvectors()[:, 0] @ np.asarray(last.params)) > 1 - 1e-5
    assert last.gradients == 75 * N + 1125 * 2 * 16


def test_mean_of_spd_matrices():
    """The Riemannian mean of A and its inverse is the identity."""
    a = jnp.array([[2.0, 0.5], [0.5, 1.0]])
    data = jnp.stack([a, jnp.linalg.inv(a)] * 4)

    def gradient(x, batch):
        """Of half the mean squared distance, in closed form."""

        def one(b):
            values, vectors = jnp.linalg.eigh(x)
            root = vectors * jnp.sqrt(values)[None, :] @ vectors.T
            inverse = jnp.linalg.inv(root)
            w, v = jnp.linalg.eigh(inverse @ b @ inverse)
            return -inverse @ (v * jnp.log(w)[None, :] @ v.T) @ inverse

        return jnp.mean(jax.vmap(one)(batch), 0)

    start = jnp.array([[3.0, -1.0], [-1.0, 2.0]])
    run = r_spider(
        gradient, start, data, Spd(), key=jax.random.key(4), step_size=0.2, decay=0.8, period=8
    )
    x = last_of(run, 400).params
    np.testing.assert_allclose(x, jnp.eye(2), atol=1e-3)


def test_flat_space_is_plain_spider():
    target = jax.random.normal(jax.random.key(5), (64, 3))
    run = r_spider(
        lambda x, b: x - b.mean(0),
        jnp.zeros(3),
        target,
        Euclidean(),
        key=jax.random.key(6),
        step_size=0.2,
        decay=0.7,
    )
    np.testing.assert_allclose(last_of(run, 400).params, target.mean(0), atol=1e-4)
