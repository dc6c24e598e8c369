"""Gradient estimators for finite sums: SVRG, and the recursive one of SARAH and SPIDER.

A first-order transformation sees one gradient; these ask for gradients of a given batch at two
points. An `Estimator` makes a direction v of them, which goes to any optax transformation.

Johnson and Zhang: Accelerating Stochastic Gradient Descent using Predictive Variance Reduction,
NeurIPS 2013. Nguyen, Liu, Scheinberg, Takac: SARAH, ICML 2017, https://arxiv.org/abs/1703.00102.
Fang, Li, Lin, Zhang: SPIDER, NeurIPS 2018, https://arxiv.org/abs/1807.01695.

    x       the parameters now
    b       a batch: a tree of arrays with a leading axis of examples
    g(x, b) the mean gradient of the batch; both of a pair must see the same augmentation, dropout
            and normalisation statistics, or their difference is noise
"""

import itertools
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import optax

from effjax.optim.finite_sum.manifolds import Euclidean, Manifold

Batch = Any
GradFn = Callable[[optax.Params, Batch], optax.Updates]


class PointState(NamedTuple):
    """A point, and the direction that was estimated there; both copies of their own."""

    point: optax.Params
    direction: optax.Updates


class Estimator(Protocol):
    """A rule that turns gradients of batches into a direction.

    `refresh(step)` says whether update `step` (from 0) wants a large batch, all data for instance;
    the two kinds of update are two compiled functions, each without a branch.
    """

    def refresh(self, step: int) -> bool: ...

    def init(self, params: optax.Params) -> PointState: ...

    def restart(
        self, grad_fn: GradFn, params: optax.Params, state: PointState, batch: Batch
    ) -> tuple[optax.Updates, PointState]: ...

    def estimate(
        self, grad_fn: GradFn, params: optax.Params, state: PointState, batch: Batch
    ) -> tuple[optax.Updates, PointState]: ...


class _Periodic:
    """What SVRG and SPIDER share: a large batch every `period` updates, gradients on a manifold."""

    def __init__(self, period: int, manifold: Manifold | None = None) -> None:
        if period < 1:
            raise ValueError(f"an estimator needs a period of at least 1, got {period}")
        self.period = period
        self.manifold = manifold or Euclidean()

    def refresh(self, step: int) -> bool:
        return step % self.period == 0

    def init(self, params: optax.Params) -> PointState:
        return PointState(_copied(params), jax.tree.map(jnp.zeros_like, params))

    def gradient(self, grad_fn: GradFn, params: optax.Params, batch: Batch) -> optax.Updates:
        return jax.tree.map(self.manifold.gradient, params, grad_fn(params, batch))

    def restart(
        self, grad_fn: GradFn, params: optax.Params, state: PointState, batch: Batch
    ) -> tuple[optax.Updates, PointState]:
        del state
        v = self.gradient(grad_fn, params, batch)
        return v, PointState(_copied(params), v)

    def corrected(
        self, grad_fn: GradFn, params: optax.Params, state: PointState, batch: Batch
    ) -> optax.Updates:
        """g(x, b) - T(g(point, b) - direction), with T the transport from the point to x."""
        at_x = self.gradient(grad_fn, params, batch)
        at_point = self.gradient(grad_fn, state.point, batch)

        def leaf(g: Any, g_point: Any, direction: Any, point: Any, x: Any) -> jax.Array:
            # both are tangent at the point, g is tangent at x
            correction = self.manifold.transport(point, x, g_point - direction)
            return g - correction

        return jax.tree.map(leaf, at_x, at_point, state.direction, state.point, params)


class Svrg(_Periodic):
    """v = g(x, b) - g(anchor, b) + g(anchor, all): unbiased.

    The anchor is the point of the last large batch.
    """

    def estimate(
        self, grad_fn: GradFn, params: optax.Params, state: PointState, batch: Batch
    ) -> tuple[optax.Updates, PointState]:
        return self.corrected(grad_fn, params, state, batch), state


class Spider(_Periodic):
    """v = g(x, b) - g(x_previous, b) + v_previous: SARAH's recursion, unbiased only on average.

    Given the past, its bias is v_previous - g(x_previous, all).
    """

    def estimate(
        self, grad_fn: GradFn, params: optax.Params, state: PointState, batch: Batch
    ) -> tuple[optax.Updates, PointState]:
        v = self.corrected(grad_fn, params, state, batch)
        return v, PointState(_copied(params), v)


class Progress(NamedTuple):
    """One update of `finite_sum`: what it led to, and what all updates have cost so far."""

    params: optax.Params
    direction: optax.Updates
    gradients: int  # gradients of single examples


def finite_sum(
    grad_fn: GradFn,
    params: optax.Params,
    data: Batch,
    estimator: Estimator,
    tx: optax.GradientTransformation,
    *,
    key: jax.Array,
    batch_size: int,
    large_size: int | None = None,
) -> Iterator[Progress]:
    """Minimises (1/n) sum f_i(x) with estimated gradients, for as long as one asks for more.

    Args:
        grad_fn: (params, batch) -> mean gradient of the batch.
        params: the start.
        data: tree of arrays with a leading axis of n examples.
        estimator: `Svrg` or `Spider`.
        tx: what turns directions into updates, for instance `optax.sgd(0.1)`.
        key: random key of the batches, which are drawn without replacement.
        batch_size: examples of a small batch; large_size: of a large one, None for all n.

    Yields:
        `Progress` after each update.

    Example:
        >>> import itertools, jax, jax.numpy as jnp, optax
        >>> from effjax.optim import Svrg, finite_sum
        >>> data = jnp.array([1.0, 2.0, 6.0])
        >>> grad_fn = lambda x, batch: x - batch.mean()
        >>> run = finite_sum(grad_fn, jnp.zeros([]), data, Svrg(10), optax.sgd(0.5),
        ...                  key=jax.random.key(0), batch_size=1)
        >>> last = list(itertools.islice(run, 20))[-1]
        >>> bool(abs(last.params - 3.0) < 1e-4), last.gradients    # 2 * 3 + 18 * 2
        (True, 42)
    """
    size = len(jax.tree.leaves(data)[0])
    large_size = large_size or size

    def draw(key: jax.Array, count: int) -> Batch:
        if count == size:
            # all examples, in their order: no copy
            return data
        picked = jax.random.choice(key, size, (count,), replace=False)
        return jax.tree.map(lambda a: a[picked], data)

    def step(estimate: Callable, count: int) -> Callable:
        @jax.jit
        def run(key: jax.Array, params: Any, state: Any, opt_state: Any) -> tuple:
            v, state = estimate(grad_fn, params, state, draw(key, count))
            updates, opt_state = tx.update(v, opt_state, params)
            return optax.apply_updates(params, updates), v, state, opt_state

        return run

    # two programs, each without a branch
    large = step(estimator.restart, large_size)
    small = step(estimator.estimate, batch_size)
    state = estimator.init(params)
    opt_state = tx.init(params)
    gradients = 0
    for t in itertools.count():
        is_large = estimator.refresh(t)
        run = large if is_large else small
        step_key = jax.random.fold_in(key, t)
        params, v, state, opt_state = run(step_key, params, state, opt_state)
        # a small batch is seen at two points
        gradients += large_size if is_large else 2 * batch_size
        yield Progress(params, v, gradients)


def _copied(params: optax.Params) -> optax.Params:
    return jax.tree.map(lambda p: jnp.array(p, copy=True), params)
