"""AdaMuon: Adam's second moment of Muon's orthogonal steps.

Si, Zhang, Shen: AdaMuon: Adaptive Muon Optimizer, 2025, https://arxiv.org/abs/2507.11005; the rule
of the authors' code, with the sign of the paper's second version.

All matrices are [inputs, outputs]; `matrices.py` says which leaves these are.
"""

import math
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import (
    Amount,
    Epsilon,
    KeepFactor,
    NewtonSteps,
    PositiveAmount,
    Rate,
    Storage,
)
from effjax.optim.matrices import (
    averaged_momentum,
    folded,
    for_matrices,
    matrix_split,
    orthogonalized,
)
from effjax.optim.numerics import bias_correction, unzip_map, zeros
from effjax.optim.registry import register_optimizer


class AdaMuonState(NamedTuple):
    """State of `scale_by_adamuon`: a counter and two arrays for each parameter."""

    count: jax.Array  # int32 []
    mu: optax.Updates  # m
    nu: optax.Updates  # v


def scale_by_adamuon(
    beta: float = 0.95,
    b2: float = 0.999,
    eps: float = 1e-8,
    *,
    sign: bool = True,
    ns_steps: int = 5,
    ns_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Turns the gradients g of kernels into AdaMuon's direction u.

        m <- beta m + (1 - beta) g
        o = orthogonalized(sign(beta m + (1 - beta) g))
        v <- b2 v + (1 - b2) o^2
        h = o / (sqrt(v / (1 - b2^t)) + eps)
        u = 0.2 sqrt(number of entries) h / |h|

    The entries of u have a root mean square of 0.2, as those of Adam: Adam's rates fit.

    Args:
        beta, b2: keep factors of the momentum and of v.
        eps: of both divisions.
        sign: False leaves out the sign, as the authors' code does.
        ns_steps, ns_dtype: see `orthogonalized`.
    """

    def init(params: optax.Params) -> AdaMuonState:
        return AdaMuonState(jnp.zeros([], jnp.int32), zeros(params), zeros(params))

    def update(
        updates: optax.Updates,
        state: AdaMuonState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, AdaMuonState]:
        del params
        t = state.count + 1
        c2 = bias_correction(b2, t)

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array) -> tuple:
            u, m = averaged_momentum(g, m, beta, nesterov=True)
            u = jnp.sign(u) if sign else u
            o = orthogonalized(folded(u), ns_steps, ns_dtype).reshape(g.shape)
            v = b2 * v + (1 - b2) * o**2
            h = o / (jnp.sqrt(v / c2.astype(v.dtype)) + eps)
            length = jnp.sqrt(jnp.sum(h**2))
            u = 0.2 * math.sqrt(h.size) / (length + eps) * h
            return u, m, v

        u, m, v = unzip_map(leaf, (updates, state.mu, state.nu), count=3)
        return u, AdaMuonState(t, m, v)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2507.11005, Si et al. 2025", split=matrix_split)
def adamuon(
    learning_rate: Rate,
    beta: KeepFactor = 0.95,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    sign: bool = True,
    ns_steps: NewtonSteps = 5,
    ns_dtype: Storage | None = None,
    adam_b1: KeepFactor = 0.9,
    adam_b2: KeepFactor = 0.95,
    adam_eps: Epsilon = 1e-10,
    adam_scale: PositiveAmount = 1.0,
) -> optax.GradientTransformation:
    """Muon over the root mean square of its steps, Adam for the rest.

    The direction u of the matrices is that of `scale_by_adamuon`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule, as for Adam.
        beta, b2, eps, sign, ns_steps, ns_dtype: see `scale_by_adamuon`.
        weight_decay: wd, decoupled; mask: which leaves decay.
        adam_b1, adam_b2, adam_eps, adam_scale: as in `muon`.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.adamuon(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_adamuon(beta, b2, eps, sign=sign, ns_steps=ns_steps, ns_dtype=ns_dtype)
    both = for_matrices(direction, adam_b1, adam_b2, adam_eps, adam_scale)
    return optax.chain(both, step_with_decay(learning_rate, weight_decay, mask, proximal=False))
