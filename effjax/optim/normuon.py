"""NorMuon: Muon whose neurons get steps of equal length.

Li, Liu, Liang, Chen, Zhao: NorMuon: Making Muon more efficient and scalable, 2025,
https://arxiv.org/abs/2510.05491; the rule of the authors' code.

All matrices are [inputs, outputs]: a neuron is a column. `matrices.py` says which leaves these are.
"""

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
    Scale,
    averaged_momentum,
    folded,
    for_matrices,
    matrix_split,
    orthogonalized,
    shape_scale,
)
from effjax.optim.numerics import compute_dtype, unzip_map, zeros
from effjax.optim.registry import register_optimizer

_EPS = 1e-10  # of both divisions, as in the authors' code


class NorMuonState(NamedTuple):
    """State of `scale_by_normuon`: one array for each parameter, and one number for each neuron."""

    mu: optax.Updates  # m
    nu: optax.Updates  # v, [outputs]


def scale_by_normuon(
    beta: float = 0.95,
    b2: float = 0.95,
    *,
    scale: Scale = "spectral",
    ns_steps: int = 5,
    ns_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Turns the gradients g of kernels into NorMuon's direction u.

        m <- beta m + (1 - beta) g
        o = orthogonalized(beta m + (1 - beta) g)
        v <- b2 v + (1 - b2) mean of o^2 over the inputs
        h = o / sqrt(v)
        u = s |o| / |h| h                                   s: `shape_scale`

    The authors' code takes the mean over each row of a convolution's window; here a neuron is a
    column of the folded matrix, as in their text.

    Args:
        beta, b2: keep factors of the momentum and of v.
        scale, ns_steps, ns_dtype: as in `scale_by_muon`.
    """

    def init(params: optax.Params) -> NorMuonState:
        nu = jax.tree.map(lambda p: jnp.zeros(p.shape[-1:], compute_dtype(p)), params)
        return NorMuonState(zeros(params), nu)

    def update(
        updates: optax.Updates,
        state: NorMuonState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, NorMuonState]:
        del params

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array) -> tuple:
            u, m = averaged_momentum(g, m, beta, nesterov=True)
            o = orthogonalized(folded(u), ns_steps, ns_dtype)
            v = b2 * v + (1 - b2) * jnp.mean(o**2, axis=0)
            h = o / (jnp.sqrt(v)[None] + _EPS)
            # as long as before, only shared out in another way
            h = h * (jnp.linalg.norm(o) / (jnp.linalg.norm(h) + _EPS))
            u = shape_scale(*o.shape, scale) * h
            return u.reshape(g.shape), m, v

        u, m, v = unzip_map(leaf, (updates, state.mu, state.nu), count=3)
        return u, NorMuonState(m, v)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2510.05491, Li et al. 2025", split=matrix_split)
def normuon(
    learning_rate: Rate,
    beta: KeepFactor = 0.95,
    b2: KeepFactor = 0.95,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    scale: Scale = "spectral",
    ns_steps: NewtonSteps = 5,
    ns_dtype: Storage | None = None,
    adam_b1: KeepFactor = 0.9,
    adam_b2: KeepFactor = 0.95,
    adam_eps: Epsilon = 1e-10,
    adam_scale: PositiveAmount = 1.0,
) -> optax.GradientTransformation:
    """Muon with steps of equal length for all neurons, Adam for the rest.

    The direction u of the matrices is that of `scale_by_normuon`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors' default is 0.02.
        beta, b2, scale, ns_steps, ns_dtype: see `scale_by_normuon`.
        weight_decay: wd, decoupled; mask: which leaves decay.
        adam_b1, adam_b2, adam_eps, adam_scale: as in `muon`.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.normuon(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_normuon(beta, b2, scale=scale, ns_steps=ns_steps, ns_dtype=ns_dtype)
    both = for_matrices(direction, adam_b1, adam_b2, adam_eps, adam_scale)
    return optax.chain(both, step_with_decay(learning_rate, weight_decay, mask, proximal=False))
