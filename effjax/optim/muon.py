"""Muon: momentum made orthogonal, for the matrices inside a network.

Jordan, Jin, Boza, You, Cesista, Newhouse, Bernstein: Muon: An optimizer for hidden layers in neural
networks, 2024, https://kellerjordan.github.io/posts/muon; the rule of the authors' code.

All matrices are [inputs, outputs]; `matrices.py` says which leaves these are.
"""

from typing import NamedTuple

import jax
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
    for_matrices,
    matrix_split,
    orthogonal_step,
)
from effjax.optim.numerics import unzip_map, zeros
from effjax.optim.registry import register_optimizer


class MuonState(NamedTuple):
    """State of `scale_by_muon`: one array for each parameter."""

    mu: optax.Updates  # m


def scale_by_muon(
    beta: float = 0.95,
    *,
    nesterov: bool = True,
    scale: Scale = "spectral",
    ns_steps: int = 5,
    ns_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Turns the gradients g of kernels into Muon's direction u.

        m <- beta m + (1 - beta) g
        u = s orthogonalized(beta m + (1 - beta) g)         s: `shape_scale`

    The authors' code takes s of a convolution from the two sides of its window, which makes it 1;
    here it is that of the folded matrix, as their text says.

    Args:
        beta: the keep factor of the momentum.
        nesterov: False: m itself is made orthogonal.
        scale: 'spectral' or 'rms', see `shape_scale`.
        ns_steps, ns_dtype: see `orthogonalized`.
    """

    def init(params: optax.Params) -> MuonState:
        return MuonState(zeros(params))

    def update(
        updates: optax.Updates,
        state: MuonState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, MuonState]:
        del params

        def leaf(g: jax.Array, m: jax.Array) -> tuple:
            u, m = averaged_momentum(g, m, beta, nesterov)
            return orthogonal_step(u, scale, ns_steps, ns_dtype), m

        u, m = unzip_map(leaf, (updates, state.mu), count=2)
        return u, MuonState(m)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="Jordan et al. 2024", split=matrix_split)
def muon(
    learning_rate: Rate,
    beta: KeepFactor = 0.95,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    nesterov: bool = True,
    scale: Scale = "spectral",
    ns_steps: NewtonSteps = 5,
    ns_dtype: Storage | None = None,
    adam_b1: KeepFactor = 0.9,
    adam_b2: KeepFactor = 0.95,
    adam_eps: Epsilon = 1e-10,
    adam_scale: PositiveAmount = 1.0,
) -> optax.GradientTransformation:
    """Orthogonalised momentum for matrices, Adam for the rest.

    The direction u of the matrices is that of `scale_by_muon`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule; the authors use 0.02, and Adam's
            rates with scale='rms'.
        beta, nesterov, scale, ns_steps, ns_dtype: see `scale_by_muon`.
        weight_decay: wd, decoupled; mask: which leaves decay.
        adam_b1, adam_b2, adam_eps: of the Adam that serves the rest.
        adam_scale: its learning rate, as a multiple of that of the matrices.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.muon(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_muon(
        beta, nesterov=nesterov, scale=scale, ns_steps=ns_steps, ns_dtype=ns_dtype
    )
    both = for_matrices(direction, adam_b1, adam_b2, adam_eps, adam_scale)
    return optax.chain(both, step_with_decay(learning_rate, weight_decay, mask, proximal=False))
