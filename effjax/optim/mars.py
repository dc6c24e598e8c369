"""MARS: variance reduction by a scaled gradient difference, in front of AdamW.

Yuan, Liu, Wu, Zhou, Gu: MARS: Unleashing the Power of Variance Reduction for Training Large Models,
2024, https://arxiv.org/abs/2411.10438; the approximate form of the authors' code, in which the
difference is that of the gradients of two consecutive batches.

All arrays of one leaf have that leaf's shape; the count is int32 [].
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Rate
from effjax.optim.numerics import bias_correction, compute_dtype, order_after, unzip_map, zeros
from effjax.optim.registry import register_optimizer


class MarsState(NamedTuple):
    """State of `scale_by_mars`: a counter and three arrays for each parameter."""

    count: jax.Array
    mu: optax.Updates  # m
    nu: optax.Updates  # v
    previous: optax.Updates  # the last gradient


def scale_by_mars(
    b1: float = 0.95,
    b2: float = 0.99,
    eps: float = 1e-8,
    *,
    gamma: float = 0.025,
    vector_b1: float = 0.9,
    vector_b2: float = 0.95,
    vectors: bool = False,
) -> optax.GradientTransformation:
    """Turns gradients g into the direction u of MARS-AdamW.

        c = g + gamma b1 / (1 - b1) (g - g_previous)              g_previous is 0 at first
        c <- c / max(1, |c|)                                      the norm of one leaf
        m <- b1 m + (1 - b1) c
        v <- b2 v + (1 - b2) c^2
        u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

    Leaves with fewer than two axes get Adam's direction with `vector_b1` and `vector_b2`, unless
    `vectors`.

    Args:
        b1, b2, eps: as in Adam.
        gamma: strength of the correction; 0 leaves Adam with clipped gradients.
        vector_b1, vector_b2: b1 and b2 of biases, norms and the like.
        vectors: MARS for those as well.
    """

    def init(params: optax.Params) -> MarsState:
        return MarsState(jnp.zeros([], jnp.int32), zeros(params), zeros(params), zeros(params))

    def update(
        updates: optax.Updates,
        state: MarsState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, MarsState]:
        del params
        t = state.count + 1

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array, last: jax.Array) -> tuple:
            dtype = compute_dtype(g)
            g = g.astype(dtype)
            if vectors or g.ndim > 1:
                beta1, beta2 = b1, b2
                c = g + gamma * b1 / (1 - b1) * (g - last)
                # the authors clip each matrix, not all gradients together
                c = c / jnp.maximum(1, jnp.sqrt(jnp.sum(jnp.square(c))))
            else:
                # biases and norms: plain Adam
                beta1, beta2 = vector_b1, vector_b2
                c = g
            c1 = bias_correction(beta1, t).astype(dtype)
            c2 = bias_correction(beta2, t).astype(dtype)
            m = beta1 * m + (1 - beta1) * c
            v = beta2 * v + (1 - beta2) * c**2
            u = m / c1 / (jnp.sqrt(v / c2) + eps)
            return u, m, v, order_after(g, m, v)

        u, m, v, last = unzip_map(leaf, (updates, state.mu, state.nu, state.previous), count=4)
        return u, MarsState(t, m, v, last)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2411.10438, Yuan et al. 2024")
def mars(
    learning_rate: Rate,
    b1: KeepFactor = 0.95,
    b2: KeepFactor = 0.99,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    gamma: Amount = 0.025,
    vector_b1: KeepFactor = 0.9,
    vector_b2: KeepFactor = 0.95,
    vectors: bool = False,
) -> optax.GradientTransformation:
    """AdamW on gradients whose variance a difference of gradients reduces.

    The direction u is that of `scale_by_mars`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors use 3e-3.
        b1, b2, eps, gamma, vector_b1, vector_b2, vectors: see `scale_by_mars`.
        weight_decay: wd, decoupled; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.mars(0.05)
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    direction = scale_by_mars(
        b1,
        b2,
        eps,
        gamma=gamma,
        vector_b1=vector_b1,
        vector_b2=vector_b2,
        vectors=vectors,
    )
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)
