"""MARS: variance reduction by a scaled gradient difference, in front of AdamW, Lion or Shampoo.

Yuan, Liu, Wu, Zhou, Gu: MARS: Unleashing the Power of Variance Reduction for Training Large Models,
2024, https://arxiv.org/abs/2411.10438; the approximate form of the authors' code, in which the
difference is that of the gradients of two consecutive batches.

All arrays of one leaf have that leaf's shape; the count is int32 [].
"""

from typing import Literal, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Rate
from effjax.optim.matrices import orthogonal_step
from effjax.optim.numerics import bias_correction, compute_dtype, order_after, unzip_map, zeros
from effjax.optim.registry import register_optimizer

Rule = Literal["adamw", "lion", "shampoo"]


class MarsState(NamedTuple):
    """State of `scale_by_mars`: a counter, and three arrays for each parameter or two."""

    count: jax.Array
    mu: optax.Updates  # m
    nu: optax.Updates  # v; a zero [] for the leaves whose rule has none
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
    rule: Rule = "adamw",
) -> optax.GradientTransformation:
    """Turns gradients g into MARS's direction u.

        c = g + gamma b1 / (1 - b1) (g - g_previous)              g_previous is 0 at first
        c <- c / max(1, |c|)                                      the norm of one leaf
        m <- b1 m + (1 - b1) c
        v <- b2 v + (1 - b2) c^2
        u = m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)         MARS-AdamW
        u = sign(m)                                               MARS-Lion
        u = s orthogonalized(m)                                   MARS-Shampoo; s: `shape_scale`

    Leaves with fewer than two axes get Adam's direction with `vector_b1` and `vector_b2`, unless
    `vectors`.

    Args:
        b1, b2, eps: as in Adam.
        gamma: strength of the correction; 0 leaves the rule alone, with clipped gradients.
        vector_b1, vector_b2: b1 and b2 of biases, norms and the like.
        vectors: MARS for those as well; MARS-Shampoo gives them MARS-AdamW's direction.
        rule: what the corrected gradient goes through.
    """

    def init(params: optax.Params) -> MarsState:
        def second_moment(p: jax.Array) -> jax.Array:
            if _rule_of(p, rule, vectors) in ("adam", "adamw"):
                return zeros(p)
            return jnp.zeros([], compute_dtype(p))

        nu = jax.tree.map(second_moment, params)
        return MarsState(jnp.zeros([], jnp.int32), zeros(params), nu, zeros(params))

    def update(
        updates: optax.Updates,
        state: MarsState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, MarsState]:
        del params
        t = state.count + 1

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array, last: jax.Array) -> tuple:
            g = g.astype(compute_dtype(g))
            own_rule = _rule_of(g, rule, vectors)
            if own_rule == "adam":
                u, m, v = _adam(g, m, v, t, vector_b1, vector_b2, eps)
                return u, m, v, order_after(g, m, v)
            c = g + gamma * b1 / (1 - b1) * (g - last)
            # the authors clip each matrix, not all gradients together
            c = c / jnp.maximum(1, jnp.sqrt(jnp.sum(jnp.square(c))))
            if own_rule == "adamw":
                u, m, v = _adam(c, m, v, t, b1, b2, eps)
                return u, m, v, order_after(g, m, v)
            m = b1 * m + (1 - b1) * c
            u = jnp.sign(m) if own_rule == "lion" else orthogonal_step(m, "spectral")
            return u, m, v, order_after(g, m)

        u, m, v, last = unzip_map(leaf, (updates, state.mu, state.nu, state.previous), count=4)
        return u, MarsState(t, m, v, last)

    return optax.GradientTransformation(init, update)


def _rule_of(p: jax.Array, rule: Rule, vectors: bool) -> Rule | Literal["adam"]:
    """A leaf's own; 'adam' is without the correction."""
    if p.ndim >= 2:
        return rule
    if not vectors:
        return "adam"
    # a vector is no matrix to make orthogonal
    return "adamw" if rule == "shampoo" else rule


def _adam(
    g: jax.Array, m: jax.Array, v: jax.Array, t: jax.Array, b1: float, b2: float, eps: float
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Adam's direction, and the new m and v."""
    c1 = bias_correction(b1, t).astype(g.dtype)
    c2 = bias_correction(b2, t).astype(g.dtype)
    m = b1 * m + (1 - b1) * g
    v = b2 * v + (1 - b2) * g**2
    return m / c1 / (jnp.sqrt(v / c2) + eps), m, v


RULES = {"mars_lion": {"rule": "lion"}, "mars_shampoo": {"rule": "shampoo"}}


@register_optimizer(paper="arXiv:2411.10438, Yuan et al. 2024", fixed=RULES)
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
    rule: Rule = "adamw",
) -> optax.GradientTransformation:
    """AdamW (or Lion, Shampoo) on gradients whose variance a difference of gradients reduces.

    The direction u is that of `scale_by_mars`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors use 3e-3.
        b1, b2, eps, gamma, vector_b1, vector_b2, vectors, rule: see `scale_by_mars`.
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
        rule=rule,
    )
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)
