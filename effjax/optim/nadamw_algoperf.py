"""NAdamW as AlgoPerf's baseline has it, with Adam's own bias corrections.

Dahl et al.: Benchmarking Neural Network Training Algorithms, 2023, https://arxiv.org/abs/2306.07179;
the rule is that of Choi et al. 2019 (https://arxiv.org/abs/1910.05446, table 1).
"""

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, step_with_decay
from effjax.optim.directions import MomentsState
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Rate
from effjax.optim.numerics import bias_correction, compute_dtype, unzip_map, zeros
from effjax.optim.registry import register_optimizer


def scale_by_nadam(
    b1: float = 0.9, b2: float = 0.999, eps: float = 1e-8
) -> optax.GradientTransformation:
    """Turns gradients g into the direction u.

        m <- b1 m + (1 - b1) g
        v <- b2 v + (1 - b2) g^2
        u = (b1 m + (1 - b1) g) / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps)

    optax's `nadamw` corrects m by the next update's 1 - b1^(t + 1).
    """

    def init(params: optax.Params) -> MomentsState:
        return MomentsState(jnp.zeros([], jnp.int32), zeros(params), zeros(params), None)

    def update(
        updates: optax.Updates,
        state: MomentsState,
        params: optax.Params | None = None,
    ) -> tuple[optax.Updates, MomentsState]:
        del params
        t = state.count + 1
        c1 = bias_correction(b1, t)
        c2 = bias_correction(b2, t)

        def leaf(g: jax.Array, m: jax.Array, v: jax.Array) -> tuple:
            g = g.astype(compute_dtype(g))
            m = b1 * m + (1 - b1) * g
            v = b2 * v + (1 - b2) * g**2
            ahead = (b1 * m + (1 - b1) * g) / c1.astype(g.dtype)
            u = ahead / (jnp.sqrt(v / c2.astype(g.dtype)) + eps)
            return u, m, v

        u, m, v = unzip_map(leaf, (updates, state.mu, state.nu), count=3)
        return u, MomentsState(t, m, v, None)

    return optax.GradientTransformation(init, update)


@register_optimizer(paper="arXiv:2306.07179, Dahl et al. 2023")
def nadamw_algoperf(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-8,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformation:
    """NAdamW as the baseline of the AlgoPerf benchmark.

    The direction u is that of `scale_by_nadam`; then p <- p (1 - lr wd) - lr u.

    Args:
        learning_rate: a number, a traced scalar or a schedule.
        b1, b2, eps: see `scale_by_nadam`.
        weight_decay: wd, decoupled; mask: which leaves decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.zeros(3)
        >>> tx = effjax.optim.nadamw_algoperf(0.05)
        >>> state = tx.init(x)
        >>> for _ in range(300):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-3)
        True
    """
    step = step_with_decay(learning_rate, weight_decay, mask, proximal=False)
    return optax.chain(scale_by_nadam(b1, b2, eps), step)
