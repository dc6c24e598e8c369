"""Losses of classification, by name. One function adds a loss: the decorator registers it.

    @register_loss("focal", "cross-entropy, less for what is easy")
    def focal(logits, targets): ...

Shapes: B batch, K classes.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

from effjax.registry import Registry

# logits [B, K] and soft targets [B, K] -> the loss of each example [B]
Loss = Callable[[jax.Array, jax.Array], jax.Array]

LOSSES: Registry[Loss] = Registry("loss", "--config.task.loss=package.module:function")
register_loss = LOSSES.register
list_losses = LOSSES.lines
find_loss = LOSSES.find


@register_loss("cross_entropy", "the classes exclude each other")
def cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """-sum_k t_k log softmax(z)_k."""
    return optax.softmax_cross_entropy(logits, targets)


@register_loss("binary_cross_entropy", "every class is its own yes-or-no question")
def binary_cross_entropy(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean over the classes, as in "ResNet strikes back" (https://arxiv.org/abs/2110.00476)."""
    of_classes = optax.sigmoid_binary_cross_entropy(logits, targets)
    return of_classes.mean(-1)


@register_loss("focal", "cross-entropy, less for what is easy")
def focal(logits: jax.Array, targets: jax.Array, gamma: float = 2.0) -> jax.Array:
    """-sum_k t_k (1 - p_k)^gamma log p_k with p = softmax(z).

    Lin et al. 2017, arXiv:1708.02002, whose p is a sigmoid; without their class weights, which are
    `task.class_weights`.
    """
    log_p = jax.nn.log_softmax(logits)
    # 1 - p, without the rounding of a p close to 1
    rest = jnp.maximum(-jnp.expm1(log_p), 1e-7)  # at 0 a power below 1 has no slope
    hard = rest**gamma
    of_classes = targets * hard * log_p
    return -of_classes.sum(-1)


@register_loss("sigmoid", "several labels an image, each its own yes-or-no question")
def sigmoid(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean over the labels of log(1 + e^z) - t z."""
    of_classes = optax.sigmoid_binary_cross_entropy(logits, targets)
    return of_classes.mean(-1)


@register_loss("squared", "numbers: the mean of squared errors")
def squared(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean over the targets of (z - t)^2."""
    errors = outputs - targets
    return jnp.square(errors).mean(-1)


@register_loss("absolute", "numbers: the mean of absolute errors")
def absolute(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean over the targets of |z - t|."""
    errors = outputs - targets
    return jnp.abs(errors).mean(-1)


@register_loss("huber", "numbers: squared errors up to one deviation, absolute ones beyond")
def huber(outputs: jax.Array, targets: jax.Array) -> jax.Array:
    """The mean over the targets of Huber's loss with threshold 1."""
    of_targets = optax.huber_loss(outputs, targets)
    return of_targets.mean(-1)
