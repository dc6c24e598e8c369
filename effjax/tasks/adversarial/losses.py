"""What a critic and a generator minimise, and what keeps a critic smooth.

Shapes: B batch, D features, ... the axes of an example.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array

Of = Callable[[Array], Array]  # scores [B] -> losses [B]


class Game(NamedTuple):
    """The losses of a critic, of real images and of fakes, and of the generator.

    Attributes:
      real, fake: the critic's, of scores [B].
      generator: of the scores [B] of its own images.
    """

    real: Of
    fake: Of
    generator: Of


GAMES = {
    # Goodfellow et al. 2014, https://arxiv.org/abs/1406.2661, section 3
    "non_saturating": Game(
        real=lambda score: jax.nn.softplus(-score),
        fake=jax.nn.softplus,
        generator=lambda score: jax.nn.softplus(-score),
    ),
    # Lim & Ye 2017, https://arxiv.org/abs/1705.02894
    "hinge": Game(
        real=lambda score: jax.nn.relu(1 - score),
        fake=lambda score: jax.nn.relu(1 + score),
        generator=lambda score: -score,
    ),
    # Mao et al. 2017, https://arxiv.org/abs/1611.04076
    "least_squares": Game(
        real=lambda score: jnp.square(score - 1),
        fake=jnp.square,
        generator=lambda score: jnp.square(score - 1),
    ),
    # Arjovsky et al. 2017, https://arxiv.org/abs/1701.07875
    "wasserstein": Game(
        real=lambda score: -score,
        fake=lambda score: score,
        generator=lambda score: -score,
    ),
}


def squared_slopes(critic: Of, x: Array) -> Array:
    """[B]: squared norms of the gradients of scores by their own images x [B, ...]."""
    # one score depends on one image: the gradient of the sum is that of each
    slopes = jax.grad(lambda x: critic(x).sum())(x)
    return jnp.square(slopes).reshape(len(x), -1).sum(-1)


def gradient_penalty(critic: Of, real: Array, fake: Array, mix: Array) -> Array:
    """[B]: (|slope| - 1)^2 at points between real and fake ones.

    Gulrajani et al. 2017, https://arxiv.org/abs/1704.00028.

    Args:
      mix: [B] uniform, the share of the real one.
    """
    share = mix.reshape(-1, *[1] * (real.ndim - 1))
    between = share * real + (1 - share) * fake
    squares = squared_slopes(critic, between)
    # a slope of exactly 0 has no direction: its root has no gradient either
    is_flat = squares == 0
    slope = jnp.where(is_flat, 0.0, jnp.sqrt(jnp.where(is_flat, 1.0, squares)))
    return jnp.square(slope - 1)


def consistency(one: tuple[Array, Array], other: tuple[Array, Array], margin: float = 0.0) -> Array:
    """[B]: how far two passes with dropout are apart, above a margin.

    Wei et al. 2018, https://arxiv.org/abs/1803.01541, with the weights of its code: 2 for scores,
    0.2 for features.

    Args:
      one, other: scores [B] and features [B, D] of the same images.
    """
    scores = jnp.square(one[0] - other[0])
    features = jnp.square(one[1] - other[1]).mean(-1)
    return jax.nn.relu(2 * scores + 0.2 * features - margin)
