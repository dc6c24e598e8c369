"""How every network ends: the mean over its last map, and a classifier.

Shapes: B batch, H W space, C channels, K classes.
"""

from jax import Array
from jax.nn.initializers import Initializer

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.drops import Dropout
from effjax.models.blocks.layers import Linear, at_least_float32


def mean_over_positions(x: Array) -> Array:
    """[B, ..., C] -> [B, C], in float32 at least."""
    positions = tuple(range(1, x.ndim - 1))  # all between the batch and the channels
    return at_least_float32(x).mean(positions)


def classify(
    prelogits: Array,
    classes: int,
    dropout: float,
    examples: Examples,
    name: str,
    **initialisers: Initializer,
) -> Array:
    """[B, C] -> logits [B, K]: dropout, and a linear layer called `name`.

    Without classes there is no classifier: the answer is `prelogits`. To be called inside of a
    module's compact method, to which the layers belong.
    """
    if classes == 0:
        return prelogits
    # A dropout of 0 is a layer too: it has no parameters, and draws nothing.
    x = Dropout(dropout)(prelogits, examples)
    return Linear(classes, name=name, **initialisers)(x)
