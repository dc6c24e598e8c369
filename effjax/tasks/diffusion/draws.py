"""What is drawn for each example of a batch: its time, noises, label dropout and hidden tokens.

Shapes: B batch, P passes, N tokens, ... the axes of an example.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array


class Draws(NamedTuple):
    """Of a batch. The passes of one example share its time and differ in the rest.

    Attributes:
      uniform, normal: [B], what the time is made of.
      noise: [P, B, ...].
      drop: [P, B], uniform: the label is left out where it is below the dropout.
      order: [B, N], uniform: tokens in its order; N is 0 where none are hidden.
      latent: [B, ...], normal: which of the latents of an example is taken.
    """

    uniform: Array
    normal: Array
    noise: Array
    drop: Array
    order: Array
    latent: Array


def draw_batch(rng: Array, index: Array, shape: tuple[int, ...], passes: int, tokens: int) -> Draws:
    """Draws for the examples `index` [B] of the global batch, each with a key of its own.

    Args:
      shape: of one example.
    """

    def of_example(place: Array) -> Draws:
        key = jax.random.fold_in(rng, place)
        time, level, noise, drop, order, latent = jax.random.split(key, 6)
        return Draws(
            uniform=jax.random.uniform(time),
            normal=jax.random.normal(level),
            noise=jax.random.normal(noise, (passes, *shape)),
            drop=jax.random.uniform(drop, (passes,)),
            order=jax.random.uniform(order, (tokens,)),
            latent=jax.random.normal(latent, shape),
        )

    drawn = jax.vmap(of_example)(index)
    passes_first = {
        "noise": jnp.moveaxis(drawn.noise, 1, 0),
        "drop": jnp.moveaxis(drawn.drop, 1, 0),
    }
    return drawn._replace(**passes_first)
