"""From the tokens of the patches that are seen to a prediction of all.

Shapes: B batch, N patches, n of them seen, E channels of the encoder, D of the decoder, C of what
is predicted.
"""

import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import Array

from effjax.models.blocks.layers import Linear, at_least_float32
from effjax.models.blocks.norms import LayerNorm
from effjax.models.blocks.sinusoids import grid_table
from effjax.models.families.vit import PREFIX, Block, ViTArchitecture

xavier = nn.initializers.xavier_uniform()


def fixed_positions(grid: tuple[int, int], width: int) -> np.ndarray:
    """[1, PREFIX + N, width]: sines and cosines of the grid, zeros for the class token."""
    table = grid_table(grid, width)
    prefix = np.zeros((PREFIX, width))
    return np.concatenate([prefix, table])[None]


class Decoder(nn.Module):
    """Mask tokens in the places of what is hidden, positions, blocks, a linear layer.

    Attributes:
      architecture: its width, depth, heads and MLP.
      outputs: C.
      grid: (rows, columns) of the patches.
    """

    architecture: ViTArchitecture
    outputs: int
    grid: tuple[int, int]

    @nn.compact
    def __call__(self, tokens: Array, places: Array) -> Array:
        """[B, N, C] from tokens [B, PREFIX + n, E] and the places [B, N] of `Masks`."""
        a = self.architecture
        x = Linear(a.width, kernel_init=xavier, name="embed")(tokens)
        x = self._whole(x, places)
        positions = fixed_positions(self.grid, a.width)
        x += jnp.asarray(positions, x.dtype)
        for number in range(a.depth):
            x = Block(a, 0.0, name=f"blocks_{number}")(x, None)
        x = LayerNorm(name="norm")(x)
        x = at_least_float32(x)  # what is compared with the images
        return Linear(self.outputs, kernel_init=xavier, name="pred")(x)[:, PREFIX:]

    def _whole(self, x: Array, places: Array) -> Array:
        """[B, PREFIX + N, D] from [B, PREFIX + n, D]: each patch in its place, seen or not."""
        batch, tokens, width = x.shape
        token_init = nn.initializers.normal(0.02)
        mask_token = self.param("mask_token", token_init, (1, 1, width))
        seen = tokens - PREFIX
        missing = places.shape[1] - seen
        # one token stands for all that is hidden
        masks = jnp.broadcast_to(mask_token.astype(x.dtype), (batch, missing, width))
        patches = jnp.concatenate([x[:, PREFIX:], masks], axis=1)
        in_place = jnp.take_along_axis(patches, places[..., None], axis=1)
        return jnp.concatenate([x[:, :PREFIX], in_place], axis=1)
