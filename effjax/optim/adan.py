"""Adan: adaptive Nesterov momentum.

Xie, Zhou, Li, Lin, Yan: Adan: Adaptive Nesterov Momentum Algorithm for Faster Optimizing Deep
Models, 2022, https://arxiv.org/abs/2208.06677. The rule is that of the authors' code, where the
betas are keep factors (the paper's betas are one minus these).

All arrays of one leaf have that leaf's shape; counts are int32 [].
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.clipping import clip_by_norm
from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Norm, Rate, Storage
from effjax.optim.numerics import bias_correction, compute_dtype, order_after, unzip_map, zeros
from effjax.optim.registry import register_optimizer


class AdanState(NamedTuple):
    """State of `scale_by_adan`: a counter and four arrays for each parameter."""

    count: jax.Array  # updates since the start or the last restart
    mu: optax.Updates  # m, average of gradients
    delta: optax.Updates  # v, average of gradient differences
    nu: optax.Updates  # n, average of squared look-ahead gradients
    previous: optax.Updates  # the last gradient, as it came in (clipped, if clipping came before)


RestartCondition = Callable[[AdanState, optax.Updates], jax.Array]


def scale_by_adan(
    b1: float = 0.98,
    b2: float = 0.92,
    b3: float = 0.99,
    eps: float = 1e-8,
    *,
    restart_when: RestartCondition | None = None,
    mu_dtype: Any | None = None,
    delta_dtype: Any | None = None,
    nu_dtype: Any | None = None,
    previous_dtype: Any | None = None,
) -> optax.GradientTransformation:
    """Turns gradients g into Adan's direction u.

        d = g - g_previous                                  (0 at the first update)
        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) d
        n <- b3 n + (1 - b3) (g + b2 d)^2
        u = (m / (1 - b1^t) + b2 v / (1 - b2^t)) / (sqrt(n / (1 - b3^t)) + eps)

    Args:
        b1, b2, b3: keep factors of the three averages.
        eps: added to the root after the bias correction.
        restart_when: function of (state, gradients); where it returns True the averages restart
            from zero before this update (see `restart`).
        mu_dtype, delta_dtype, nu_dtype, previous_dtype: storage of m, v, n, g_previous; None: the
            parameter's dtype, but at least float32. Arithmetic is in at least float32.
    """

    def init(params: optax.Params) -> AdanState:
        return AdanState(
            count=jnp.zeros([], jnp.int32),
            mu=zeros(params, mu_dtype),
            delta=zeros(params, delta_dtype),
            nu=zeros(params, nu_dtype),
            previous=zeros(params, previous_dtype),
        )

    def update(
        updates: optax.Updates, state: AdanState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, AdanState]:
        del params
        if restart_when is not None:
            state = _restarted_where(restart_when(state, updates), state)
        t = state.count + 1
        corrections = [bias_correction(b, t) for b in (b1, b2, b3)]

        def leaf(g: jax.Array, *stored: jax.Array) -> tuple:
            # moments may be stored in fewer bits than they are computed in
            dtype = compute_dtype(g)
            g, m, v, n, last = (a.astype(dtype) for a in (g, *stored))
            c1, c2, c3 = (c.astype(dtype) for c in corrections)
            d = jnp.where(t == 1, 0, g - last)
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * d
            n = b3 * n + (1 - b3) * (g + b2 * d) ** 2
            u = (m / c1 + b2 * v / c2) / (jnp.sqrt(n / c3) + eps)
            last = order_after(g, v, n)
            new = zip((m, v, n, last), stored)
            return u, *(value.astype(old.dtype) for value, old in new)

        trees = (updates, state.mu, state.delta, state.nu, state.previous)
        u, *moments = unzip_map(leaf, trees, count=5)
        return u, AdanState(t, *moments)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2208.06677, Xie et al. 2022")
def adan(
    learning_rate: Rate,
    b1: KeepFactor = 0.98,
    b2: KeepFactor = 0.92,
    b3: KeepFactor = 0.99,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    no_prox: bool = False,
    max_grad_norm: Norm | None = None,
    restart_when: RestartCondition | None = None,
    mu_dtype: Storage | None = None,
    delta_dtype: Storage | None = None,
    nu_dtype: Storage | None = None,
    previous_dtype: Storage | None = None,
) -> optax.GradientTransformation:
    """Adaptive Nesterov momentum, with the decay and the clipping of the authors' code.

    The direction u is that of `scale_by_adan`; then

        p <- (p - lr u) / (1 + lr wd)          or, with no_prox,    p <- p (1 - lr wd) - lr u

    Args:
        learning_rate: about five times Adam's; a number, a traced scalar or a schedule.
        b1, b2, b3, eps: see `scale_by_adan`.
        weight_decay: wd; the authors use 0.02.
        mask: which leaves decay: tree of booleans, function of the parameters, or None for all.
        no_prox: decoupled decay instead of the proximal form.
        max_grad_norm: the gradients of all leaves together are scaled to at most this norm, before
            the differences are formed; None turns clipping off.
        restart_when, mu_dtype, delta_dtype, nu_dtype, previous_dtype: see `scale_by_adan`.

    Raises:
        UserError: for a hyperparameter out of its range.
        ValueError: if `update` is called without the parameters.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.adan(0.1)
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    direction = scale_by_adan(
        b1,
        b2,
        b3,
        eps,
        restart_when=restart_when,
        mu_dtype=mu_dtype,
        delta_dtype=delta_dtype,
        nu_dtype=nu_dtype,
        previous_dtype=previous_dtype,
    )
    return optax.chain(
        clip_by_norm(max_grad_norm, eps),
        direction,
        step_with_decay(learning_rate, weight_decay, mask, proximal=not no_prox),
    )


def restart(opt_state: optax.OptState) -> optax.OptState:
    """Restarts every Adan inside `opt_state`: averages and t start again from zero.

    Learning-rate schedules and the rest of the state go on as they were. The stored gradient needs
    no clearing, because the difference of the first update after a restart is zero.
    """

    def is_adan(node: Any) -> bool:
        return isinstance(node, AdanState)

    def restarted(node: Any) -> Any:
        return _cleared(node) if is_adan(node) else node

    return jax.tree.map(restarted, opt_state, is_leaf=is_adan)


def _restarted_where(condition: jax.Array, state: AdanState) -> AdanState:
    def choose(fresh: jax.Array, old: jax.Array) -> jax.Array:
        return jnp.where(condition, fresh, old)

    return jax.tree.map(choose, _cleared(state), state)


def _cleared(state: AdanState) -> AdanState:
    return jax.tree.map(jnp.zeros_like, state)._replace(previous=state.previous)
