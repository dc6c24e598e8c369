"""Products of second derivatives with vectors, over a whole data set in chunks.

A matrix of M x M numbers is never made: the estimators of this room ask for products alone.

Shapes: M parameters, in one vector in the order of `ravel_pytree`.
"""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree

from effjax.errors import UserError

Params = Any  # a tree of arrays
LossOf = Callable[[Params, Any], jax.Array]  # (params, batch) -> its mean loss
# (batch, how much it weighs), gone through once a product: a list, or what reads batches anew
Chunks = Iterable[tuple[Any, float]]


class Operator(NamedTuple):
    """A symmetric matrix [M, M] that is known by its products."""

    product: Callable[[jax.Array], jax.Array]  # [M] -> [M]
    size: int  # M
    dtype: Any


def hessian(
    loss: LossOf, params: Params, chunks: Chunks, within: jax.Array | None = None
) -> Operator:
    """The Hessian of the mean loss over all chunks.

    ReLU and max pooling have no curvature of their own: this is the Hessian between their kinks.

    Args:
      loss: a pure function, without draws of its own.
      params: the point; leaves below float32 are raised to it.
      chunks: the data set.
      within: [M] bool, the parameters of a block; the rows and columns of others become 0.
    """
    params = at_least_float32(params)
    point, _ = ravel_pytree(params)
    of_chunk = _hessian_of_chunk(loss)

    def product(vector: jax.Array) -> jax.Array:
        return weighted_mean(lambda batch: of_chunk(vector, params, batch), chunks)

    return restricted(Operator(product, point.size, point.dtype), within)


@functools.lru_cache(maxsize=4)  # one program for all the points at which a loss is looked at
def _hessian_of_chunk(loss: LossOf) -> Callable[..., jax.Array]:
    @jax.jit
    def of_chunk(vector: jax.Array, params: Params, batch: Any) -> jax.Array:
        _, unravel = ravel_pytree(params)

        def gradient(params: Params) -> Params:
            return jax.grad(loss)(params, batch)

        # forward over reverse: the derivative of the gradient along the vector
        _, product = jax.jvp(gradient, (params,), (unravel(vector),))
        return ravel_pytree(product)[0]

    return of_chunk


def gauss_newton(
    outputs: LossOf,
    loss: Callable[[Any, Any], jax.Array],
    params: Params,
    chunks: Chunks,
    within: jax.Array | None = None,
) -> Operator:
    """The Gauss-Newton matrix J' H J: no eigenvalue is negative where the loss is convex.

    Martens: New insights and perspectives on the natural gradient method, JMLR 2020.

    Args:
      outputs: (params, batch) -> what the loss takes; J is its Jacobian.
      loss: (outputs, batch) -> mean loss; H is its Hessian in the outputs.
      params, chunks, within: see `hessian`.
    """
    params = at_least_float32(params)
    point, unravel = ravel_pytree(params)

    @jax.jit
    def of_chunk(vector: jax.Array, w: jax.Array, batch: Any) -> jax.Array:
        out, pull = jax.vjp(lambda w: outputs(unravel(w), batch), w)  # pull: u -> J' u
        # J v as the transpose of J': operations with gradients of their own have no forward mode
        _, push = jax.vjp(lambda u: pull(u)[0], jax.tree.map(jnp.zeros_like, out))
        (pushed,) = push(vector)
        _, bent = jax.jvp(jax.grad(lambda y: loss(y, batch)), (out,), (pushed,))  # H J v
        return pull(bent)[0]  # J' H J v

    def product(vector: jax.Array) -> jax.Array:
        return weighted_mean(lambda batch: of_chunk(vector, point, batch), chunks)

    return restricted(Operator(product, point.size, point.dtype), within)


def mean_gradient(loss: LossOf, params: Params, chunks: Chunks) -> tuple[float, Params]:
    """(the mean loss over all chunks, its gradient as a tree)."""
    params = at_least_float32(params)
    both = jax.jit(jax.value_and_grad(loss))
    value, gradient = weighted_mean(lambda batch: both(params, batch), chunks)
    return float(value), gradient


def weighted_mean(of_batch: Callable[[Any], Any], chunks: Chunks) -> Any:
    """The mean of trees of arrays over the chunks, by their weights.

    Raises:
      UserError: there is no chunk, or none that weighs anything.
    """
    total = None
    weights = 0.0
    for batch, weight in chunks:
        if not weight:  # padding alone: its mean may be anything
            continue
        here = jax.tree.map(functools.partial(jnp.multiply, weight), of_batch(batch))
        total = here if total is None else jax.tree.map(jnp.add, total, here)
        weights += weight
    if total is None:
        raise UserError("there are no valid examples to take a mean over")
    return jax.tree.map(lambda x: x / weights, total)


def block_of(params: Params, is_inside: Callable[[str], bool]) -> jax.Array:
    """[M] bool: the parameters whose path, such as "head/kernel", `is_inside` accepts."""

    def mark(path: tuple[Any, ...], leaf: jax.Array) -> jax.Array:
        name = jax.tree_util.keystr(path, simple=True, separator="/")
        return jnp.full(leaf.shape, is_inside(name))

    return ravel_pytree(jax.tree_util.tree_map_with_path(mark, params))[0]


def at_least_float32(params: Params) -> Params:
    """Leaves in bfloat16 or float16 raised to float32: curvature is lost in their rounding."""

    def raised(leaf: jax.Array) -> jax.Array:
        leaf = jnp.asarray(leaf)
        return leaf.astype(jnp.promote_types(leaf.dtype, jnp.float32))

    return jax.tree.map(raised, params)


def restricted(operator: Operator, within: jax.Array | None) -> Operator:
    """The rows and columns of a block [M] bool, zeros elsewhere; None: all of it."""
    if within is None:
        return operator

    def product(vector: jax.Array) -> jax.Array:
        return jnp.where(within, operator.product(jnp.where(within, vector, 0)), 0)

    return operator._replace(product=product)
