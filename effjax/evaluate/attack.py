"""Adversarial images: the worst change of every pixel by at most epsilon.

Shapes: B batch, H W space, K classes. Images are in pixel units, 0..255; so is epsilon.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from jax import Array

EPSILONS = (1, 2, 4, 8)  # of 255: the usual ones

Logits = Callable[[Array], Array]


def fgsm(logits: Logits, images: Array, labels: Array, epsilon: float) -> Array:
    """One step of `epsilon` along the gradient's sign. Goodfellow et al. 2015, arXiv 1412.6572.

    Args:
      logits: images [B, H, W, 3] -> [B, K].
      images: float [B, H, W, 3], 0..255.
      labels: int [B].

    Returns:
      float [B, H, W, 3], 0..255.
    """
    change = epsilon * _ascent(logits, images, labels)
    return jnp.clip(images + change, 0, 255)


def pgd(
    logits: Logits,
    images: Array,
    labels: Array,
    epsilon: float,
    key: Array,
    steps: int = 10,
) -> Array:
    """`steps` steps from a random start. Madry et al. 2018, arXiv 1706.06083.

    As `fgsm`, with steps of 2.5 epsilon / steps. Each example has its own draw: the batch size does
    not matter.

    Args:
      key: one key for each example [B].
    """

    lowest = images - epsilon
    highest = images + epsilon
    # 2.5 epsilon in all: enough to cross the cube, which is 2 epsilon wide
    step_size = 2.5 * epsilon / steps

    def draw(one_key: Array) -> Array:
        return jax.random.uniform(one_key, images.shape[1:], minval=-1.0)

    def step(moved: Array, _: None) -> tuple[Array, None]:
        moved += step_size * _ascent(logits, moved, labels)
        # back into the cube around the image, then into the range of pixels
        moved = jnp.clip(moved, lowest, highest)
        moved = jnp.clip(moved, 0, 255)
        return moved, None

    start = images + epsilon * jax.vmap(draw)(key)
    start = jnp.clip(start, 0, 255)
    attacked, _ = jax.lax.scan(step, start, None, length=steps)
    return attacked


def _ascent(logits: Logits, images: Array, labels: Array) -> Array:
    """The sign of the loss's gradient [B, H, W, 3]."""

    def loss(images: Array) -> Array:
        outputs = logits(images)
        losses = optax.softmax_cross_entropy_with_integer_labels(outputs, labels)
        # the sum, so that an image's gradient does not depend on the others' number
        return losses.sum()

    gradient = jax.grad(loss)(images)
    return jnp.sign(gradient)


def is_right(logits: Array, labels: Array) -> Array:
    """[B] bool: whether the largest of the logits [B, K] is the label's; never if one is NaN."""
    finite = jnp.isfinite(logits).all(-1)
    matches = logits.argmax(-1) == labels
    # argmax of NaN is NaN's own place, which may well be the right class
    return finite & matches
