"""The gradient of a held-out loss through one step of the weights, as DARTS asks for it.

    w'(alpha) = step(w, dL_train(w, alpha) / dw)
    dL_valid(w'(alpha), alpha) / dalpha

`exact` differentiates through the step that the optimizer makes, whatever the optimizer: pulled
back through the step, the gradient at w' is a direction in which the gradient of the weights would
have to change, and the derivative of dL_train / dalpha along it is one forward derivative.
`finite_difference` is what the authors compute (https://github.com/quark0/darts): the mixed second
derivative by two more gradients. Around ReLUs it is several times off (a difference of gradients
sees each jump); it stays for comparison, and where memory is short.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

Tree = Any
LossOf = Callable[[Tree, Tree], jax.Array]  # (weights, alphas) -> a mean loss
Step = Callable[[Tree], Tree]  # the gradient of the weights -> new weights
RADIUS = 0.01  # how far the two points of the difference are from the weights


class Hypergradient(NamedTuple):
    """The held-out loss, and its gradient for the alphas."""

    value: jax.Array
    grads: Tree


def first_order(valid: LossOf, weights: Tree, alphas: Tree) -> Hypergradient:
    """The gradient at the present weights, as if they did not depend on alpha."""
    return Hypergradient(*jax.value_and_grad(valid, argnums=1)(weights, alphas))


def exact(train: LossOf, valid: LossOf, step: Step, weights: Tree, alphas: Tree) -> Hypergradient:
    """The derivative through the step."""
    value, direct, direction = _through_step(train, valid, step, weights, alphas)

    def in_alphas(weights: Tree) -> Tree:
        # for the weights too: what has a gradient of its own (`custom_vjp`) has a forward
        # derivative only where its gradient is taken
        _, by_alphas = jax.grad(train, argnums=(0, 1))(weights, alphas)
        return by_alphas

    # forward over reverse: the mixed second derivative times the direction
    _, mixed = jax.jvp(in_alphas, (weights,), (direction,))
    return Hypergradient(value, jax.tree.map(jnp.add, direct, mixed))


def unrolled(
    train: LossOf, valid: LossOf, step: Step, weights: Tree, alphas: Tree
) -> Hypergradient:
    """The same as `exact` by one reverse derivative of all: slower, and shorter to read."""

    def through(alphas: Tree) -> jax.Array:
        grads = jax.grad(train)(weights, alphas)
        return valid(step(grads), alphas)

    return Hypergradient(*jax.value_and_grad(through)(alphas))


def finite_difference(
    train: LossOf,
    valid: LossOf,
    step: Step,
    weights: Tree,
    alphas: Tree,
    radius: float = RADIUS,
) -> Hypergradient:
    """The same with the mixed derivative from gradients at two points, `radius` from the weights.

    Args:
      step: differentiable; for SGD its derivative is minus the learning rate.
    """
    value, direct, direction = _through_step(train, valid, step, weights, alphas)
    length = _norm(direction)
    scale = radius / jnp.where(length > 0, length, 1.0)

    def gradient_at(sign: float) -> Tree:
        def shift(weight: jax.Array, along: jax.Array) -> jax.Array:
            return weight + sign * scale * along

        there = jax.tree.map(shift, weights, direction)
        return jax.grad(train, argnums=1)(there, alphas)

    ahead = gradient_at(1.0)
    behind = gradient_at(-1.0)

    def add(own: jax.Array, after: jax.Array, before: jax.Array) -> jax.Array:
        return own + (after - before) / (2 * scale)

    return Hypergradient(value, jax.tree.map(add, direct, ahead, behind))


def _through_step(
    train: LossOf, valid: LossOf, step: Step, weights: Tree, alphas: Tree
) -> tuple[jax.Array, Tree, Tree]:
    """The held-out loss after the step, its direct gradient for the alphas, and the direction.

    The direction is that in which the gradient of the weights would have to change: -eta v for
    SGD, with v the held-out gradient at the new weights.
    """
    grads = jax.grad(train)(weights, alphas)
    moved, pull = jax.vjp(step, grads)
    value, (by_weights, direct) = jax.value_and_grad(valid, argnums=(0, 1))(moved, alphas)
    (direction,) = pull(by_weights)
    return value, direct, direction


def _norm(tree: Tree) -> jax.Array:
    squares = [jnp.square(leaf).sum() for leaf in jax.tree.leaves(tree)]
    return jnp.sqrt(sum(squares))
