"""LAMB: Adam with a trust ratio for each layer.

You et al.: Large Batch Optimization for Deep Learning: Training BERT in 76 minutes, 2019,
https://arxiv.org/abs/1904.00962; with the exclusions of the published PyTorch code, where leaves
that do not decay get no trust ratio.
"""

import jax
import jax.numpy as jnp
import optax

from effjax.optim.clipping import clip_by_norm
from effjax.optim.decay import Mask, decay_tree, step_with_decay
from effjax.optim.directions import scale_by_moments
from effjax.optim.hints import Amount, Epsilon, KeepFactor, Norm, Rate
from effjax.optim.registry import register_optimizer


def scale_by_lamb(
    b1: float = 0.9,
    b2: float = 0.999,
    eps: float = 1e-6,
    *,
    weight_decay: float = 0.0,
    mask: Mask = None,
    always_adapt: bool = False,
    trust_clip: bool = False,
    bias_correction: bool = True,
    grad_averaging: bool = True,
) -> optax.GradientTransformation:
    """Turns gradients into LAMB's direction.

        a = Adam's direction (`scale_by_moments`) + wd p
        u = (|p| / |a|) a            one ratio a leaf; 1 if either norm is 0

    Leaves with wd = 0 keep u = a, unless `always_adapt`. `trust_clip` bounds the ratio by 1.
    """
    adam = scale_by_moments(
        b1, b2, eps, correct_bias=bias_correction, grad_averaging=grad_averaging
    )

    def direction(a: jax.Array, p: jax.Array, wd: float) -> jax.Array:
        a = a + wd * p
        # as in the published code: what does not decay keeps Adam's length
        if not (wd or always_adapt):
            return a
        trust = _trust_ratio(p, a)
        if trust_clip:
            trust = jnp.minimum(trust, 1)
        return a * trust

    def update(
        updates: optax.Updates,
        state: optax.OptState,
        params: optax.Params,
    ) -> tuple[optax.Updates, optax.OptState]:
        updates, state = adam.update(updates, state)
        decays = decay_tree(weight_decay, mask, params)
        return jax.tree.map(direction, updates, params, decays), state

    return optax.GradientTransformation(adam.init, update)


def _trust_ratio(p: jax.Array, a: jax.Array) -> jax.Array:
    """|p| / |a|, and 1 where that says nothing."""
    p_norm = jnp.sqrt(jnp.sum(jnp.square(p)))
    a_norm = jnp.sqrt(jnp.sum(jnp.square(a)))
    known = (p_norm > 0) & (a_norm > 0)
    # the inner `where` keeps the division finite, so that its derivative is too
    return jnp.where(known, p_norm / jnp.where(known, a_norm, 1), 1)


@register_optimizer(paper="arXiv:1904.00962, You et al. 2019")
def lamb(
    learning_rate: Rate,
    b1: KeepFactor = 0.9,
    b2: KeepFactor = 0.999,
    eps: Epsilon = 1e-6,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
    max_grad_norm: Norm | None = 1.0,
    always_adapt: bool = False,
    trust_clip: bool = False,
    bias_correction: bool = True,
    grad_averaging: bool = True,
) -> optax.GradientTransformation:
    """Adam with a trust ratio for each layer, with the exclusions of the published code.

    p <- p - lr u, where u is the direction of `scale_by_lamb`.

    Args:
        learning_rate: a number, a traced scalar or a schedule.
        b1, b2, eps: as in Adam, eps after the bias correction.
        weight_decay: wd, inside the trust ratio; the authors use 0.01.
        mask: which leaves decay, and therefore adapt; None: all.
        max_grad_norm: bound on the norm of all gradients together; None turns clipping off.
        always_adapt: trust ratios also for leaves that do not decay.
        trust_clip: trust ratios of at most 1.
        bias_correction: Adam's corrections; grad_averaging: the factor 1 - b1 in the momentum.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - 1) ** 2)
        >>> x = jnp.full(3, 3.0)
        >>> tx = effjax.optim.lamb(0.03, weight_decay=1e-4)
        >>> state = tx.init(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(f(x) < 1e-2)
        True
    """
    direction = scale_by_lamb(
        b1,
        b2,
        eps,
        weight_decay=weight_decay,
        mask=mask,
        always_adapt=always_adapt,
        trust_clip=trust_clip,
        bias_correction=bias_correction,
        grad_averaging=grad_averaging,
    )
    return optax.chain(clip_by_norm(max_grad_norm), direction, step_with_decay(learning_rate))
