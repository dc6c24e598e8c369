"""Mixing by average pooling.

Shapes: B batch, H W space, C channels.
"""

from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.mixers.mixer import TokenMixer, register_mixer
from effjax.ops import pool_minus_input


@register_mixer("pooling", "average of the neighbours minus the token")
class Pooling(TokenMixer):
    """Average of the neighbours minus the token (PoolFormer, https://arxiv.org/abs/2111.11418)."""

    window = ""
    can_scan = True
    keeps_scales = True
    alike = True

    @nn.compact
    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        if isinstance(self.kernel_size, tuple):
            raise UserError(f"pooling windows are square; got kernel_sizes {self.kernel_size}")
        return pool_minus_input(x, self.kernel_size)
