import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.optim import Euclidean, Grassmann, Spd, Sphere, Stiefel


def random(seed, *shape):
    return jax.random.normal(jax.random.key(seed), shape)


def point(manifold, seed=0):
    if isinstance(manifold, Spd):
        a = random(seed, 4, 4)
        return a @ a.T + jnp.eye(4)
    if isinstance(manifold, Stiefel):
        return jnp.linalg.qr(random(seed, 5, 2))[0]
    x = random(seed, 5)
    return x / jnp.linalg.norm(x) if isinstance(manifold, Sphere) else x


def cost(x):
    """A function of matrices or vectors that sees every entry."""
    weights = jnp.arange(x.size, dtype=x.dtype).reshape(x.shape)
    return jnp.sum(weights * x * jnp.sum(x)) + jnp.sum(x**3)


def subspace_cost(x):
    """A function of the span only."""
    weights = jnp.diag(jnp.arange(x.shape[0], dtype=x.dtype))
    return jnp.trace(x.T @ weights @ x)


MANIFOLDS = [Euclidean(), Sphere(), Stiefel(), Grassmann(), Spd()]


def inner(manifold, x, u, v):
    """The metric, from its norm."""
    return (manifold.norm(x, u + v) ** 2 - manifold.norm(x, u - v) ** 2) / 4


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=lambda m: type(m).__name__)
def test_gradient_is_the_derivative_along_every_step(manifold):
    with jax.enable_x64(True):
        f = subspace_cost if isinstance(manifold, Grassmann) else cost
        x = point(manifold).astype(jnp.float64)
        g = manifold.gradient(x, jax.grad(f)(x))
        direction = random(7, *x.shape).astype(jnp.float64)
        if isinstance(manifold, Spd):
            u = direction + direction.T
        else:
            u = manifold.gradient(x, direction)
        derivative = (f(manifold.step(x, 1e-5 * u)) - f(manifold.step(x, -1e-5 * u))) / 2e-5
        np.testing.assert_allclose(derivative, inner(manifold, x, g, u), rtol=1e-5)


@pytest.mark.parametrize("manifold", MANIFOLDS, ids=lambda m: type(m).__name__)
def test_steps_stay_and_transport_is_tangent(manifold):
    x = point(manifold)
    u = manifold.gradient(x, random(1, *x.shape))
    y = manifold.step(x, 0.3 * u)
    moved = manifold.transport(x, y, u)
    if isinstance(manifold, Stiefel):
        np.testing.assert_allclose(y.T @ y, jnp.eye(2), atol=1e-5)
        skew = y.T @ moved
        np.testing.assert_allclose(skew + skew.T, 0, atol=1e-5)
    if isinstance(manifold, Sphere):
        np.testing.assert_allclose(jnp.linalg.norm(y), 1, rtol=1e-6)
        np.testing.assert_allclose(jnp.vdot(y, moved), 0, atol=1e-5)
    if isinstance(manifold, Spd):
        assert jnp.linalg.eigvalsh(y)[0] > 0
        np.testing.assert_allclose(moved, moved.T, rtol=1e-6)
    np.testing.assert_allclose(manifold.transport(x, x, u), u, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("manifold", [Sphere(), Spd()], ids=["Sphere", "Spd"])
def test_parallel_transport_keeps_lengths(manifold):
    x = point(manifold)
    u = 0.2 * manifold.gradient(x, random(1, *x.shape)) / manifold.norm(x, random(1, *x.shape))
    v = manifold.gradient(x, random(2, *x.shape))
    y = manifold.step(x, u)
    before, after = manifold.norm(x, v), manifold.norm(y, manifold.transport(x, y, v))
    np.testing.assert_allclose(after, before, rtol=1e-3)
