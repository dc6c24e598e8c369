"""R-SPIDER: the SPIDER estimator on a manifold, with steps of a given length.

Zhou, Yuan, Feng: Faster First-Order Methods for Stochastic Non-Convex Optimization on Riemannian
Manifolds, AISTATS 2019, https://arxiv.org/abs/1811.08109.
"""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import optax

from effjax.optim.decay import LearningRate, StepState, learning_rate_at
from effjax.optim.finite_sum.estimators import Batch, GradFn, Progress, Spider, finite_sum
from effjax.optim.finite_sum.manifolds import Manifold


def normalised_steps(manifold: Manifold, step_size: LearningRate) -> optax.GradientTransformation:
    """x <- Exp_x(-h v / |v|): steps of length h = `step_size` (a number or a schedule)."""

    def init(params: optax.Params) -> StepState:
        del params
        return StepState(jnp.zeros([], jnp.int32))

    def update(
        updates: optax.Updates, state: StepState, params: optax.Params
    ) -> tuple[optax.Updates, StepState]:
        h = learning_rate_at(step_size, state.count)
        norms = jax.tree.map(manifold.norm, params, updates)
        norm = jnp.sqrt(sum(jnp.square(n) for n in jax.tree.leaves(norms)))
        scale = -h / jnp.maximum(norm, jnp.finfo(norm.dtype).tiny)
        moved = jax.tree.map(lambda x, v: manifold.step(x, scale * v), params, updates)
        return optax.tree.sub(moved, params), StepState(state.count + 1)

    return optax.GradientTransformation(init, update)


def r_spider(
    grad_fn: GradFn,
    params: optax.Params,
    data: Batch,
    manifold: Manifold,
    *,
    key: jax.Array,
    step_size: float = 0.01,
    decay: float = 0.1,
    period: int = 10,
    batch_size: int | None = None,
    large_size: int | None = None,
) -> Iterator[Progress]:
    """Minimises (1/n) sum f_i(x) over a manifold, for as long as one asks for more.

        k mod q = 0:   v = grad f_large(x)
        otherwise:     v = grad f_b(x) - T(grad f_b(x_previous) - v_previous)
        x <- Exp_x(-h v / |v|),                     h = step_size * decay^floor(k / q)

    Args:
        grad_fn: (params, batch) -> mean Euclidean gradient of the batch.
        params: a point, or a tree of points, of the manifold.
        data: tree of arrays with a leading axis of n examples.
        manifold: `Sphere()`, `Stiefel()`, `Grassmann()`, `Spd()` or `Euclidean()`.
        key: random key of the batches.
        step_size, decay: length of the steps and its factor after each period; 1.0 keeps it.
        period: q, updates from one large batch to the next.
        batch_size: examples of a small batch; None: the root of n. large_size: None: all n.

    Yields:
        `Progress` after each update; stop when the norm of its direction is small enough.
    """
    size = len(jax.tree.leaves(data)[0])
    schedule = lambda count: step_size * decay ** (count // period)  # noqa: E731
    # sqrt(n) balances the cost of a period's small batches with that of its large one
    return finite_sum(
        grad_fn,
        params,
        data,
        Spider(period, manifold),
        normalised_steps(manifold, schedule),
        key=key,
        batch_size=batch_size or max(round(size**0.5), 1),
        large_size=large_size,
    )
