"""The directions of SGD and Adam as the published Win and LAMB code forms them.

Where optax has the same rule its own transform is used; these differ in dampening, in where eps
stands, and in what AMSGrad corrects. g: gradient, u: direction, both of one leaf's shape.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map, zeros


class MomentumState(NamedTuple):
    """State of `scale_by_momentum`: whether a gradient has come, and one array a parameter."""

    count: jax.Array  # int32 []
    buffer: optax.Updates


def scale_by_momentum(
    momentum: float = 0.9, dampening: float = 0.0, nesterov: bool = False
) -> optax.GradientTransformation:
    """Heavy-ball or Nesterov momentum, with PyTorch's dampening.

    buf <- momentum buf + (1 - dampening) g             (g itself at the first update)
    u = buf,    or with nesterov    g + momentum buf
    """

    def init(params: optax.Params) -> MomentumState:
        return MomentumState(jnp.zeros([], jnp.int32), zeros(params))

    def update(
        updates: optax.Updates,
        state: MomentumState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, MomentumState]:
        del params
        # PyTorch's buffer begins with the first gradient, undampened
        share = jnp.where(state.count == 0, 1.0, 1 - dampening)

        def leaf(g: jax.Array, buf: jax.Array) -> tuple:
            buf = momentum * buf + share.astype(buf.dtype) * g
            u = g + momentum * buf if nesterov else buf
            return u, buf

        u, buffer = unzip_map(leaf, (updates, state.buffer), count=2)
        return u, MomentumState(state.count + 1, buffer)

    return optax.GradientTransformation(init, update)


class MomentsState(NamedTuple):
    """State of `scale_by_moments`: a counter and two or three arrays a parameter."""

    count: jax.Array  # int32 []
    mu: optax.Updates
    nu: optax.Updates
    nu_max: optax.Updates | None  # with amsgrad


def scale_by_moments(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    amsgrad: bool = False,
    early_eps: bool = False,
    correct_bias: bool = True,
    grad_averaging: bool = True,
) -> optax.GradientTransformation:
    """Adam's direction in the variants of the published code.

        m <- b1 m + (1 - b1) g                              (m <- b1 m + g without grad_averaging)
        v <- b2 v + (1 - b2) g^2
        u = m / c1 / (sqrt(v) / sqrt(c2) + eps),            c = 1 - b^t, or 1 without correct_bias

    With early_eps, eps joins the root before the correction: u = m / c1 / ((sqrt(v) + eps) /
    sqrt(c2)). With amsgrad, the largest v so far stands in the place of v.
    """

    def init(params: optax.Params) -> MomentsState:
        return MomentsState(
            count=jnp.zeros([], jnp.int32),
            mu=zeros(params),
            nu=zeros(params),
            nu_max=zeros(params) if amsgrad else None,
        )

    def update(
        updates: optax.Updates,
        state: MomentsState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, MomentsState]:
        del params
        t = state.count + 1
        c1 = bias_correction(b1, t) if correct_bias else jnp.ones([])
        c2 = bias_correction(b2, t) if correct_bias else jnp.ones([])
        share = 1 - b1 if grad_averaging else 1.0

        def direction(m: jax.Array, v: jax.Array) -> jax.Array:
            return _adam_direction(m, v, c1, c2, eps, early_eps)

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array) -> tuple:
            g = g.astype(compute_dtype(g))
            m = b1 * m + share * g
            v = b2 * v + (1 - b2) * g**2
            return direction(m, v), m, v

        def leaf_amsgrad(g: jax.Array, m: jax.Array, v: jax.Array, v_max: jax.Array) -> tuple:
            _, m, v = leaf(g, m, v)
            v_max = jnp.maximum(v_max, v)
            return direction(m, v_max), m, v, v_max

        # the two differ in the number of arrays that they keep
        if not amsgrad:
            u, m, v = unzip_map(leaf, (updates, state.mu, state.nu), count=3)
            return u, MomentsState(t, m, v, None)
        trees = (updates, state.mu, state.nu, state.nu_max)
        u, m, v, v_max = unzip_map(leaf_amsgrad, trees, count=4)
        return u, MomentsState(t, m, v, v_max)

    return optax.GradientTransformation(init, update)


def _adam_direction(
    m: jax.Array, v: jax.Array, c1: jax.Array, c2: jax.Array, eps: float, early_eps: bool
) -> jax.Array:
    """u of `scale_by_moments`, of moments as they are and their corrections."""
    root = jnp.sqrt(v)
    root_c2 = jnp.sqrt(c2).astype(v.dtype)
    scale = (root + eps) / root_c2 if early_eps else root / root_c2 + eps
    return m / c1.astype(v.dtype) / scale
