"""What is drawn for each example of a batch in an adversarial step.

Shapes: B batch, Z numbers of noise.
"""

from typing import NamedTuple

import jax
from jax import Array


class Draws(NamedTuple):
    """Of a batch.

    Attributes:
      noise: [B, Z], normal, what a fake is made of.
      mix: [B], uniform, how much of a real image a point between has.
    """

    noise: Array
    mix: Array


def draw_batch(rng: Array, index: Array, latent: int) -> Draws:
    """Draws for the examples `index` [B] of the global batch, each with a key of its own."""

    def of_example(place: Array) -> Draws:
        for_noise, for_mix = jax.random.split(jax.random.fold_in(rng, place))
        return Draws(jax.random.normal(for_noise, (latent,)), jax.random.uniform(for_mix))

    return jax.vmap(of_example)(index)
