"""How much the loss or the output depends on each weight: pure functions of trees.

`weights` is the tree of the weights that get a score. A loss is a function of that tree alone: what
else a network needs (other parameters, running averages, images, labels) is bound by the caller.
Several losses stand for several batches: their gradients are added.
"""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

Loss = Callable[[Any], jax.Array]  # weights -> a scalar


def gradient_over(losses: Sequence[Loss], weights: Any) -> Any:
    """The sum of the gradients of `losses` at `weights`."""
    total = jax.tree.map(jnp.zeros_like, weights)
    for loss in losses:
        gradient = jax.grad(loss)(weights)
        total = jax.tree.map(jnp.add, total, gradient)
    return total


def hessian_product(loss: Loss, weights: Any, direction: Any) -> Any:
    """H v: the derivative of the gradient of `loss` along `direction`, without the Hessian."""
    _, product = jax.jvp(jax.grad(loss), (weights,), (direction,))
    return product


def weight_times_gradient(weights: Any, gradient: Any) -> Any:
    """w g for each weight: to first order, the loss that is left without it, with the sign."""
    return jax.tree.map(jnp.multiply, weights, gradient)


def snip(losses: Sequence[Loss], weights: Any) -> Any:
    """|w g|: how much the loss changes where the weight goes, to first order.

    Lee et al. 2019, https://arxiv.org/abs/1810.02340.
    """
    product = weight_times_gradient(weights, gradient_over(losses, weights))
    return jax.tree.map(jnp.abs, product)


def grasp(losses: Sequence[Loss], weights: Any) -> Any:
    """w (H g): weights with a large value are kept, for the gradient's norm falls without them.

    Wang et al. 2020, https://arxiv.org/abs/2002.07376. Over several batches g is the sum of their
    gradients, and the products H g are added.
    """
    gradient = gradient_over(losses, weights)
    total = jax.tree.map(jnp.zeros_like, weights)
    for loss in losses:
        product = hessian_product(loss, weights, gradient)
        total = jax.tree.map(jnp.add, total, product)
    return weight_times_gradient(weights, total)


def synflow(output: Loss, weights: Any) -> Any:
    """|w dR/dw| of the output R, which needs no data.

    Tanaka et al. 2020, https://arxiv.org/abs/2006.05467. The rule asks for a network whose
    parameters and buffers are all replaced by their absolute values and whose input is all ones:
    the caller sees to that.
    """
    product = weight_times_gradient(weights, jax.grad(output)(weights))
    return jax.tree.map(jnp.abs, product)
