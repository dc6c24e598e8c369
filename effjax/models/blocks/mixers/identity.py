"""No mixing: what a MetaFormer is worth without it.

Shapes: B batch, H W space, C channels.
"""

from jax import Array

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.mixers.mixer import TokenMixer, register_mixer


@register_mixer("identity", "no token mixing")
class Identity(TokenMixer):
    """No mixing at all (IdentityFormer, https://arxiv.org/abs/2210.13452)."""

    can_scan = True
    keeps_scales = True
    alike = True

    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        return x
