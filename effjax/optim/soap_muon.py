"""SOAP-Muon: Muon's momentum, evened out in SOAP's coordinates before it is made orthogonal.

The name is that of the speed records of modded-nanogpt (track 3, pull request 278, May 2026,
https://github.com/KellerJordan/modded-nanogpt/pull/278), where this part stands beside others that
are left out here (Contra-Muon, the row variances of NorMuon, a floor on the length of steps). No
paper defines the method.

All matrices are [inputs, outputs]; `matrices.py` says which leaves these are.
"""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.eigenbases import (
    SoapState,
    averaged,
    check_period,
    initial_state,
    rotated,
    rotated_back,
    turned_anew,
)
from effjax.optim.hints import (
    Amount,
    Epsilon,
    KeepFactor,
    NewtonSteps,
    Period,
    PositiveAmount,
    Rate,
    Storage,
    Whole,
)
from effjax.optim.matrices import (
    Scale,
    averaged_momentum,
    for_matrices,
    matrix_split,
    orthogonal_step,
)
from effjax.optim.numerics import unzip_map
from effjax.optim.registry import register_optimizer


def scale_by_soap_muon(
    beta: float = 0.95,
    b2: float = 0.9,
    eps: float = 1e-8,
    *,
    refresh_period: int = 10,
    largest_axis: int = 10000,
    scale: Scale = "spectral",
    ns_steps: int = 5,
    ns_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Turns the gradients g of kernels into SOAP-Muon's direction u.

        m <- beta m + (1 - beta) g
        w = beta m + (1 - beta) g
        v <- b2 v + (1 - b2) (Q' w)^2                     Q' x: x with each axis turned by Q_i^T
        u = s orthogonalized(Q ((Q' w) / (sqrt(v) + eps)))            s: `shape_scale`
        L_i <- b2 L_i + (1 - b2) g_(i) g_(i)^T            g_(i): g as a matrix with axis i first
        every `refresh_period`:  Q_i <- QR(L_i Q_i), its columns by decreasing eigenvalue

    The first update has no Q yet, and is Muon's. The records give what is made orthogonal the norm
    of w; its norm makes no difference. A kernel [I, J, C, O] is turned along each of its own axes,
    as in `scale_by_soap`, and made orthogonal as a matrix.

    Args:
        beta: the keep factor of the momentum.
        b2: that of v and L.
        eps: beside the root of v.
        refresh_period: updates from one QR decomposition to the next.
        largest_axis: axes up to this length are turned.
        scale: 'spectral' or 'rms', see `shape_scale`.
        ns_steps, ns_dtype: see `orthogonalized`.

    Raises:
        ValueError: for a period below 1.
    """
    check_period("soap_muon", refresh_period)

    def init(params: optax.Params) -> SoapState:
        return initial_state(params, largest_axis)

    def update(
        updates: optax.Updates,
        state: SoapState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, SoapState]:
        del params
        t = state.count
        is_first = t == 0

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array, factors: Any, bases: Any) -> tuple:
            w, m = averaged_momentum(g, m, beta, nesterov=True)
            turned = rotated(w, bases)
            v = jnp.where(is_first, v, b2 * v + (1 - b2) * turned**2)
            evened = rotated_back(turned / (jnp.sqrt(v) + eps), bases)
            u = orthogonal_step(jnp.where(is_first, w, evened), scale, ns_steps, ns_dtype)
            factors = averaged(factors, g.astype(w.dtype), b2)
            v, bases = turned_anew(t, refresh_period, v, factors, bases)
            return u, m, v, factors, bases

        u, *rest = unzip_map(leaf, (updates, *state[1:]), count=5)
        return u, SoapState(t + 1, *rest)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="modded-nanogpt, pull request 278, 2026", split=matrix_split)
def soap_muon(
    learning_rate: Rate,
    beta: KeepFactor = 0.95,
    b2: KeepFactor = 0.9,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    refresh_period: Period = 10,
    largest_axis: Whole = 10000,
    scale: Scale = "spectral",
    ns_steps: NewtonSteps = 5,
    ns_dtype: Storage | None = None,
    adam_b1: KeepFactor = 0.9,
    adam_b2: KeepFactor = 0.95,
    adam_eps: Epsilon = 1e-10,
    adam_scale: PositiveAmount = 1.0,
) -> optax.GradientTransformation:
    """Muon of momentum that SOAP has evened out, Adam for the rest.

    The direction u of the matrices is that of `scale_by_soap_muon`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule, as for Muon.
        beta, b2, eps, refresh_period, largest_axis, scale, ns_steps, ns_dtype: see
            `scale_by_soap_muon`.
        weight_decay: wd, decoupled; mask: which leaves decay.
        adam_b1, adam_b2, adam_eps, adam_scale: as in `muon`.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x @ jnp.array([[1.0, 0.9], [0.9, 1.0]]) - 1) ** 2)
        >>> x = jnp.zeros((2, 2))
        >>> tx = effjax.optim.soap_muon(optax.cosine_decay_schedule(0.1, 300))
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_soap_muon(
        beta,
        b2,
        eps,
        refresh_period=refresh_period,
        largest_axis=largest_axis,
        scale=scale,
        ns_steps=ns_steps,
        ns_dtype=ns_dtype,
    )
    both = for_matrices(direction, adam_b1, adam_b2, adam_eps, adam_scale)
    return optax.chain(both, step_with_decay(learning_rate, weight_decay, mask, proximal=False))
