"""Small manifolds: gradients, steps and transport, for arrays of one leaf.

    x, y    points      u   tangent vector at x      g   Euclidean gradient
    Sphere: [d]         Stiefel, Grassmann: [d, k] with orthonormal columns        Spd: [d, d]

Absil, Mahony, Sepulchre: Optimization Algorithms on Matrix Manifolds, 2008.
"""

from typing import Protocol

import jax.numpy as jnp
from jax import Array


class Manifold(Protocol):
    """What an optimizer needs to know of a manifold."""

    def gradient(self, x: Array, g: Array) -> Array:
        """The Riemannian gradient of a function whose Euclidean gradient is g."""
        ...

    def step(self, x: Array, u: Array) -> Array:
        """From x along u: the exponential map or a retraction."""
        ...

    def transport(self, x: Array, y: Array, u: Array) -> Array:
        """u, tangent at x, as a vector that is tangent at y."""
        ...

    def norm(self, x: Array, u: Array) -> Array:
        """Length of u."""
        ...


class Euclidean:
    """Flat space: everything is what it is."""

    def gradient(self, x: Array, g: Array) -> Array:
        del x
        return g

    def step(self, x: Array, u: Array) -> Array:
        return x + u

    def transport(self, x: Array, y: Array, u: Array) -> Array:
        del x, y
        return u

    def norm(self, x: Array, u: Array) -> Array:
        del x
        return jnp.linalg.norm(u.ravel())


class Sphere(Euclidean):
    """Unit vectors: great circles, and parallel transport along them."""

    def gradient(self, x: Array, g: Array) -> Array:
        along = jnp.vdot(x, g)
        return g - x * along

    def step(self, x: Array, u: Array) -> Array:
        angle = jnp.linalg.norm(u)
        # sin(angle) / angle, which is 1 where the step is zero
        sine = jnp.sinc(angle / jnp.pi)
        y = jnp.cos(angle) * x + sine * u
        # rounding would leave the sphere little by little
        return y / jnp.linalg.norm(y)

    def transport(self, x: Array, y: Array, u: Array) -> Array:
        along = jnp.vdot(y, u)
        cosine = jnp.vdot(x, y)
        return u - (x + y) * along / (1 + cosine)


class Stiefel(Euclidean):
    """Orthonormal columns: QR retraction, transport by projection."""

    def gradient(self, x: Array, g: Array) -> Array:
        normal = x @ _symmetric(x.T @ g)
        return g - normal

    def step(self, x: Array, u: Array) -> Array:
        q, r = jnp.linalg.qr(x + u)
        # QR is unique, and the step continuous, with a positive diagonal
        signs = jnp.where(jnp.diagonal(r) < 0, -1, 1)
        return q * signs[None, :]

    def transport(self, x: Array, y: Array, u: Array) -> Array:
        return self.gradient(y, u)


class Grassmann(Stiefel):
    """Subspaces, each given by an orthonormal basis of it."""

    def gradient(self, x: Array, g: Array) -> Array:
        inside = x @ (x.T @ g)
        return g - inside


class Spd:
    """Symmetric positive definite matrices with the affine-invariant metric: geodesics."""

    def gradient(self, x: Array, g: Array) -> Array:
        return x @ _symmetric(g) @ x

    def step(self, x: Array, u: Array) -> Array:
        root = _power(x, 0.5)
        inverse = _power(x, -0.5)
        # in the coordinates where x is the identity, geodesics are exponentials
        straight = inverse @ u @ inverse
        return _symmetric(root @ _exponential(straight) @ root)

    def transport(self, x: Array, y: Array, u: Array) -> Array:
        root = _power(x, 0.5)
        inverse = _power(x, -0.5)
        # e = (y x^-1)^(1/2), of which e x e^T = y
        e = root @ _power(inverse @ y @ inverse, 0.5) @ inverse
        return _symmetric(e @ u @ e.T)

    def norm(self, x: Array, u: Array) -> Array:
        inverse = _power(x, -0.5)
        return jnp.linalg.norm(inverse @ u @ inverse)


def _symmetric(a: Array) -> Array:
    return (a + a.T) / 2


def _power(a: Array, power: float) -> Array:
    # symmetric but for rounding, which eigh would take for half of the matrix
    values, vectors = jnp.linalg.eigh(_symmetric(a))
    scaled = vectors * values[None, :] ** power
    return scaled @ vectors.T


def _exponential(a: Array) -> Array:
    values, vectors = jnp.linalg.eigh(_symmetric(a))
    scaled = vectors * jnp.exp(values)[None, :]
    return scaled @ vectors.T
