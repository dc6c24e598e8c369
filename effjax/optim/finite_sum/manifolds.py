"""Small manifolds: gradients, steps and transport, for arrays of one leaf.

    x, y    points      u   tangent vector at x      g   Euclidean gradient
    Sphere: [d]         Stiefel, Grassmann: [d, k] with orthonormal columns        Spd: [d, d]

Absil, Mahony, Sepulchre: Optimization Algorithms on Matrix Manifolds, 2008.
"""

from typing import Protocol

import jax
import jax.numpy as jnp


class Manifold(Protocol):
    """What an optimizer needs to know of a manifold."""

    def gradient(self, x: jax.Array, g: jax.Array) -> jax.Array:
        """The Riemannian gradient of a function whose Euclidean gradient is g."""
        ...

    def step(self, x: jax.Array, u: jax.Array) -> jax.Array:
        """From x along u: the exponential map or a retraction."""
        ...

    def transport(self, x: jax.Array, y: jax.Array, u: jax.Array) -> jax.Array:
        """u, tangent at x, as a vector that is tangent at y."""
        ...

    def norm(self, x: jax.Array, u: jax.Array) -> jax.Array:
        """Length of u."""
        ...


class Euclidean:
    """Flat space: everything is what it is."""

    def gradient(self, x: jax.Array, g: jax.Array) -> jax.Array:
        return g

    def step(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return x + u

    def transport(self, x: jax.Array, y: jax.Array, u: jax.Array) -> jax.Array:
        return u

    def norm(self, x: jax.Array, u: jax.Array) -> jax.Array:
        return jnp.linalg.norm(u.ravel())


class Sphere(Euclidean):
    """Unit vectors: great circles, and parallel transport along them."""

    def gradient(self, x: jax.Array, g: jax.Array) -> jax.Array:
        return g - x * jnp.vdot(x, g)

    def step(self, x: jax.Array, u: jax.Array) -> jax.Array:
        angle = jnp.linalg.norm(u)
        y = jnp.cos(angle) * x + jnp.sinc(angle / jnp.pi) * u
        return y / jnp.linalg.norm(y)

    def transport(self, x: jax.Array, y: jax.Array, u: jax.Array) -> jax.Array:
        return u - (x + y) * jnp.vdot(y, u) / (1 + jnp.vdot(x, y))


class Stiefel(Euclidean):
    """Orthonormal columns: QR retraction, transport by projection."""

    def gradient(self, x: jax.Array, g: jax.Array) -> jax.Array:
        return g - x @ _symmetric(x.T @ g)

    def step(self, x: jax.Array, u: jax.Array) -> jax.Array:
        q, r = jnp.linalg.qr(x + u)
        return q * jnp.where(jnp.diagonal(r) < 0, -1, 1)[None, :]

    def transport(self, x: jax.Array, y: jax.Array, u: jax.Array) -> jax.Array:
        return self.gradient(y, u)


class Grassmann(Stiefel):
    """Subspaces, each given by an orthonormal basis of it."""

    def gradient(self, x: jax.Array, g: jax.Array) -> jax.Array:
        return g - x @ (x.T @ g)


class Spd:
    """Symmetric positive definite matrices with the affine-invariant metric: geodesics."""

    def gradient(self, x: jax.Array, g: jax.Array) -> jax.Array:
        return x @ _symmetric(g) @ x

    def step(self, x: jax.Array, u: jax.Array) -> jax.Array:
        root, inverse = _power(x, 0.5), _power(x, -0.5)
        return _symmetric(root @ _exponential(inverse @ u @ inverse) @ root)

    def transport(self, x: jax.Array, y: jax.Array, u: jax.Array) -> jax.Array:
        root, inverse = _power(x, 0.5), _power(x, -0.5)
        e = root @ _power(inverse @ y @ inverse, 0.5) @ inverse
        return _symmetric(e @ u @ e.T)

    def norm(self, x: jax.Array, u: jax.Array) -> jax.Array:
        inverse = _power(x, -0.5)
        return jnp.linalg.norm(inverse @ u @ inverse)


def _symmetric(a: jax.Array) -> jax.Array:
    return (a + a.T) / 2


def _power(a: jax.Array, power: float) -> jax.Array:
    values, vectors = jnp.linalg.eigh(_symmetric(a))
    return vectors * values[None, :] ** power @ vectors.T


def _exponential(a: jax.Array) -> jax.Array:
    values, vectors = jnp.linalg.eigh(_symmetric(a))
    return vectors * jnp.exp(values)[None, :] @ vectors.T
