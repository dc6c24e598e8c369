"""Hyperball: matrices that keep their norm, and steps of a fixed length on that sphere.

Wen, Dang, Lyu, Ma, Liang: Fantastic Pretraining Optimizers and Where to Find Them II: Hyperball
Optimization, 2026, https://arxiv.org/abs/2606.16899.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import Mask, StepState, decay_tree, learning_rate_at
from effjax.optim.hints import Amount, Rate
from effjax.optim.matrices import matrix_split
from effjax.optim.numerics import compute_dtype
from effjax.optim.registry import register_optimizer


class HyperballState(NamedTuple):
    """State of `hyperball`: a counter and a radius a leaf, beside the state of what is inside."""

    schedule: StepState
    radii: Any  # float32 [] for each leaf
    inner: optax.OptState


@register_optimizer(paper="arXiv:2606.16899, Wen et al. 2026", wraps="adamw", split=matrix_split)
def hyperball(
    inner: optax.GradientTransformation,
    learning_rate: Rate,
    *,
    weight_decay: Amount = 0.0,
    mask: Mask = None,
) -> optax.GradientTransformationExtraArgs:
    """Keeps the norm of every matrix, in place of its decay.

        p <- R N(p - lr R N(u))          N(x) = x / |x|;  R: |p| at the start;  -lr u: of `inner`

    So lr is the angle of a step, whatever the size of u. Leaves that are no matrices (see
    `matrices.py`), and those that start as zeros, take the step of `inner` with a decoupled decay.

    Args:
        inner: any optimizer, without a decay of its own; published with Adam and Muon.
        learning_rate: that of `inner`.
        weight_decay: of the leaves that are no matrices; mask: which of them decay.

    Example:
        >>> import jax, jax.numpy as jnp, optax, effjax.optim
        >>> f = lambda x: jnp.sum((x - jnp.array([[0.0, 1.0], [1.0, 0.0]])) ** 2)
        >>> x, rate = jnp.array([[1.0, 0.5], [-0.5, 0.5]]), optax.cosine_decay_schedule(0.1, 200)
        >>> tx = effjax.optim.hyperball(optax.adam(rate), rate)
        >>> state, norm = tx.init(x), jnp.linalg.norm(x)
        >>> for _ in range(200):
        ...     updates, state = tx.update(jax.grad(f)(x), state, x)
        ...     x = optax.apply_updates(x, updates)
        >>> bool(abs(jnp.linalg.norm(x) - norm) < 1e-4), bool(f(x) < 0.1)
        (True, True)
    """
    inner = optax.with_extra_args_support(inner)

    def init(params: optax.Params) -> HyperballState:
        radii = jax.tree.map(_norm, params)
        return HyperballState(StepState(jnp.zeros([], jnp.int32)), radii, inner.init(params))

    def update(
        updates: optax.Updates,
        state: HyperballState,
        params: optax.Params | None = None,
        **extra_args: Any,
    ) -> tuple[optax.Updates, HyperballState]:
        count = state.schedule.count
        rate = learning_rate_at(learning_rate, count)
        steps, inside = inner.update(updates, state.inner, params, **extra_args)

        def leaf(
            step: jax.Array, p: jax.Array, radius: jax.Array, label: str, wd: float
        ) -> jax.Array:
            dtype = compute_dtype(step)
            lr = jnp.asarray(rate, dtype)
            radius = radius.astype(dtype)
            plain = step - lr * wd * p
            if label != "matrix":
                return plain
            ahead = p + lr * radius * _direction(step)
            on_sphere = radius * _direction(ahead) - p
            return jnp.where(radius > 0, on_sphere, plain)

        labels = matrix_split(params)
        decays = decay_tree(weight_decay, mask, params)
        steps = jax.tree.map(leaf, steps, params, state.radii, labels, decays)
        return steps, HyperballState(StepState(count + 1), state.radii, inside)

    return optax.GradientTransformationExtraArgs(init, update)


def _norm(x: jax.Array) -> jax.Array:
    return jnp.sqrt(jnp.sum(jnp.square(x.astype(compute_dtype(x)))))


def _direction(x: jax.Array) -> jax.Array:
    """N(x), and 0 of 0."""
    norm = _norm(x)
    return x / jnp.where(norm > 0, norm, 1)
