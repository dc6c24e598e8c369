"""One of several token mixers, by a number among the variables.

Networks that differ in their mixers alone are then one program: what is compiled for one of them
serves them all. Shapes: B batch, H W space, C channels.
"""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.errors import UserError
from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.mixers.mixer import TokenMixer, find_mixer, register_mixer

CHOICES = "choices"  # the collection of the numbers


@register_mixer("one_of", "one of several mixers, chosen by a number among the variables")
class OneOf(TokenMixer):
    """The option that variable `index` of collection `choices` names; the first one at first.

    Options that are not chosen take no time, and their parameters get no gradient.

    Attributes:
      options: entries of `mixers`.
      windows: the window of each.
    """

    options: tuple[str, ...] = ("identity", "pooling")
    windows: tuple[int, ...] = (3, 3)

    @nn.compact
    def __call__(self, x: Array, train: bool, examples: Examples) -> Array:
        if len(self.windows) != len(self.options):
            raise UserError(
                f"one_of: {len(self.options)} options and {len(self.windows)} windows; "
                "give one for each"
            )
        index = self.variable(CHOICES, "index", lambda: jnp.zeros((), jnp.int32)).value
        branches: list[Callable[..., Array]] = []
        for number, (option, window) in enumerate(zip(self.options, self.windows, strict=True)):
            mixer = find_mixer(option)(window, self.batch_axis, name=f"option{number}")
            branches.append(lambda _, x, mixer=mixer: mixer(x, train, examples))
        if self.is_initializing():
            for branch in branches:
                branch(self, x)  # all have parameters
        if not isinstance(index, jax.core.Tracer):
            return branches[int(index)](self, x)
        return nn.switch(index, branches, self, x)
