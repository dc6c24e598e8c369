"""Mixing by a random matrix that is never learned.

Shapes: B batch, H W space, N = H * W tokens, C channels.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.mixers.mixer import TokenMixer, register_mixer


@register_mixer("random", "a frozen random matrix, for one grid of tokens")
class Random(TokenMixer):
    """Mix by a frozen random matrix with rows that sum to 1 (https://arxiv.org/abs/2210.13452).

    The matrix belongs to the token grid that the model was initialised with.
    """

    can_scan = True

    @nn.compact
    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        batch, height, width, channels = x.shape
        tokens = height * width
        matrix = self.variable("constants", "random_matrix", self._draw, tokens).value
        if matrix.shape != (tokens, tokens):
            raise UserError(
                f"a random mixer was drawn for {matrix.shape[0]} tokens and got {height}x{width} = "
                f"{tokens}: give images of the size that the model was initialised with"
            )
        flat = x.reshape(batch, tokens, channels)
        mixed = jnp.einsum("nm,bmc->bnc", matrix.astype(x.dtype), flat)
        return mixed.reshape(x.shape)

    def _draw(self, tokens: int) -> Array:
        drawn = jax.random.uniform(self.make_rng("params"), (tokens, tokens), jnp.float32)
        return jax.nn.softmax(drawn)
