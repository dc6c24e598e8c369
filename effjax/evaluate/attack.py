"""Adversarial images: the worst change of every pixel by at most epsilon.

Shapes: B batch, H W space, K classes. Images are in pixel units, 0..255; so is epsilon.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax

EPSILONS = (1, 2, 4, 8)  # of 255: the usual ones

Logits = Callable[[jax.Array], jax.Array]


def fgsm(logits: Logits, images: jax.Array, labels: jax.Array, epsilon: float) -> jax.Array:
    """One step of `epsilon` along the gradient's sign. Goodfellow et al. 2015, arXiv 1412.6572.

    Args:
      logits: images [B, H, W, 3] -> [B, K].
      images: float [B, H, W, 3], 0..255.
      labels: int [B].

    Returns:
      float [B, H, W, 3], 0..255.
    """
    return jnp.clip(images + epsilon * _ascent(logits, images, labels), 0, 255)


def pgd(
    logits: Logits,
    images: jax.Array,
    labels: jax.Array,
    epsilon: float,
    key: jax.Array,
    steps: int = 10,
) -> jax.Array:
    """`steps` steps from a random start. Madry et al. 2018, arXiv 1706.06083.

    As `fgsm`, with steps of 2.5 epsilon / steps. Each example has its own draw: the batch size does
    not matter.

    Args:
      key: one key for each example [B].
    """
    start = jax.vmap(lambda k: jax.random.uniform(k, images.shape[1:], minval=-1.0))(key)

    def step(moved: jax.Array, _: None) -> tuple[jax.Array, None]:
        moved += 2.5 * epsilon / steps * _ascent(logits, moved, labels)
        moved = jnp.clip(moved, images - epsilon, images + epsilon)
        return jnp.clip(moved, 0, 255), None

    begun = jnp.clip(images + epsilon * start, 0, 255)
    return jax.lax.scan(step, begun, None, length=steps)[0]


def _ascent(logits: Logits, images: jax.Array, labels: jax.Array) -> jax.Array:
    """The sign of the loss's gradient [B, H, W, 3]."""

    def loss(images: jax.Array) -> jax.Array:
        return optax.softmax_cross_entropy_with_integer_labels(logits(images), labels).sum()

    return jnp.sign(jax.grad(loss)(images))
