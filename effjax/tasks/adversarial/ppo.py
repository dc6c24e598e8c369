"""PPOGAN: careful steps of the generator, and a critic that looks at good fakes.

Wu et al. 2020, https://arxiv.org/abs/2006.06900. A classifier D says how likely an image is real,
so (1 - D) / D is the density of the generator's images over that of the data.
Shapes: B batch.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax


def importance(scores: Array, valid: Array, axis: str | None = None) -> Array:
    """[B]: weights of fakes by their scores, a softmax over the batch times B; no gradient.

    Fakes that the critic sees through weigh little.

    Args:
      valid: [B], 0 for what counts for nothing.
      axis: of pmap, whose devices have parts of the batch.
    """
    scores = jnp.where(valid > 0, lax.stop_gradient(scores), -jnp.inf)
    largest = scores.max()
    if axis is not None:
        largest = lax.pmax(largest, axis)
    weights = jnp.exp(scores - largest)
    total = weights.sum()
    count = valid.sum()
    if axis is not None:
        total = lax.psum(total, axis)
        count = lax.psum(count, axis)
    return count * weights / total


def density_ratio(new: Array, old: Array) -> Array:
    """[B]: how much likelier the generator's images are than those of its last round.

    Args:
      new: logits of D, now, of the images that the generator makes now.
      old: logits of D as it was, of the images of the generator as it was; no gradient.
    """
    # (1 - D) / D is exp(-logit)
    return jnp.exp(lax.stop_gradient(old) - new)


def clipped_objective(scores: Array, ratio: Array, clip: float) -> Array:
    """[B]: scores of fakes times their ratios, which count up to 1 + clip.

    That is what the authors' program computes. It has PPO's lower end too, which never acts: the
    smaller product is taken of positive scores, the larger one of negative scores.
    """
    return scores * jnp.minimum(ratio, 1 + clip)


def classifier_loss(real: Array, fake: Array) -> tuple[Array, Array]:
    """([B], [B]): cross-entropy of D's logits of real images and of fakes."""
    return jax.nn.softplus(-real), jax.nn.softplus(fake)
