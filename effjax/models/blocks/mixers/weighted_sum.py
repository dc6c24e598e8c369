"""Several token mixers at once, weighted by numbers among the variables: a supernet's block.

Shapes: B batch, H W space, C channels, O options.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.mixers.mixer import TokenMixer, find_mixer, register_mixer
from effjax.models.blocks.mixers.one_of import CHOICES


@register_mixer("weighted_sum", "several mixers at once, weighted by numbers among the variables")
class WeightedSum(TokenMixer):
    """sum_o w_o mixer_o(x), with w [O] the variable `weights` of collection `choices`.

    At first all weights are 1 / O. An option of weight 0 gets zeros in the place of x, so that its
    activations are those of no input.

    Attributes:
      options: entries of `mixers`.
      windows: the window of each.
    """

    options: tuple[str, ...] = ("identity", "pooling")
    windows: tuple[int | tuple[int, int], ...] = (3, 3)

    @nn.compact
    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        count = len(self.options)
        if len(self.windows) != count:
            raise UserError(
                f"weighted_sum: {count} options and {len(self.windows)} windows; give one for each"
            )
        weights = self.variable(CHOICES, "weights", lambda: jnp.full(count, 1 / count)).value
        total = jnp.zeros_like(x)
        for number, (option, window) in enumerate(zip(self.options, self.windows, strict=True)):
            mixer = find_mixer(option)(window, self.batch_axis, name=f"option{number}")
            weight = weights[number].astype(x.dtype)
            given = jnp.where(weight == 0, jnp.zeros_like(x), x)
            total += weight * mixer(given, train, examples)
        return total
