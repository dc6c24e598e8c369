"""Scion: the steepest step in a norm of each layer's own.

Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls, Cevher: Training Deep Learning Models with
Norm-Constrained LMOs, 2025, https://arxiv.org/abs/2502.07529; the rule of the authors' code, with
the norms that it chooses by itself ('Auto').
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, KeepFactor, NewtonSteps, PositiveAmount, Rate, Storage
from effjax.optim.matrices import folded, orthogonalized
from effjax.optim.numerics import compute_dtype, unzip_map, zeros
from effjax.optim.registry import register_optimizer
from effjax.optim.rules import path_of


class ScionState(NamedTuple):
    """State of `scale_by_scion`: one array for each parameter."""

    mu: optax.Updates  # m


def scale_by_scion(
    b1: float = 0.9,
    *,
    radius: float = 1.0,
    ns_steps: int = 5,
    ns_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Turns gradients g into Scion's direction u.

        m <- b1 m + (1 - b1) g
        u = radius sqrt(O / C) / (I J) orthogonalized(m)        a kernel [I, J, C, O] or [C, O]
        u = radius m / (root mean square of m)                  any other leaf

    Args:
        b1: keep factor of the momentum; one minus what the authors call momentum.
        radius: of the ball of each layer; the authors' `scale`.
        ns_steps, ns_dtype: see `orthogonalized`.
    """

    def steepest(m: jax.Array, is_kernel: bool) -> jax.Array:
        if not is_kernel:
            return m / (jnp.sqrt(jnp.mean(m**2)) + 1e-8)
        *window, inputs, outputs = m.shape
        o = orthogonalized(folded(m), ns_steps, ns_dtype)
        size = math.sqrt(outputs / inputs) / math.prod(window)
        return size * o.reshape(m.shape)

    def init(params: optax.Params) -> ScionState:
        return ScionState(zeros(params))

    def update(
        updates: optax.Updates,
        state: ScionState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, ScionState]:
        del params

        def leaf(g: jax.Array, m: jax.Array, is_kernel: bool) -> tuple:
            m = b1 * m + (1 - b1) * g.astype(compute_dtype(g))
            return radius * steepest(m, is_kernel), m

        kernels = jax.tree_util.tree_map_with_path(_is_kernel, updates)
        u, m = unzip_map(leaf, (updates, state.mu, kernels), count=2)
        return u, ScionState(m)

    return optax.GradientTransformation(init, update)


def _is_kernel(path: tuple, p: Any) -> bool:
    # a position map has more than two axes as well, and is no kernel
    return p.ndim == 2 or (p.ndim > 2 and path_of(path).endswith("kernel"))


@register_optimizer(paper="arXiv:2502.07529, Pethick et al. 2025")
def scion(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    radius: PositiveAmount = 1.0,
    ns_steps: NewtonSteps = 5,
    ns_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Steepest steps in a norm of each layer's own.

    The direction u is that of `scale_by_scion`; then p <- p (1 - lr wd) - lr u. Without decay this
    is the authors' unconstrained form; wd = 1 on all leaves is their constrained one, which keeps
    each layer in a ball of `radius`.

    Args:
        learning_rate: a number, a traced scalar or a schedule.
        b1, radius, ns_steps, ns_dtype: see `scale_by_scion`.
        weight_decay: wd; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.scion(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_scion(b1, radius=radius, ns_steps=ns_steps, ns_dtype=ns_dtype)
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(direction, step)
