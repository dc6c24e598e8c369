"""From a network's features to what the losses compare.

Shapes: B batch, C channels, K outputs.
"""

import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.activations import gelu
from effjax.models.blocks.initialisers import normal_init
from effjax.models.blocks.layers import Linear, at_least_float32

EPS = 1e-12  # of a length


def unit(x: Array) -> Array:
    """Rows of length 1."""
    length = jnp.sqrt(jnp.square(x).sum(-1, keepdims=True))
    return x / jnp.maximum(length, EPS)


class Mlp(nn.Module):
    """Linear layers with GELU between them."""

    widths: tuple[int, ...]  # of each layer's output
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for number, width in enumerate(self.widths):
            if number:
                x = gelu(x)
            x = Linear(width, self.use_bias, name=f"layers_{number}")(x)
        return x


class PrototypeHead(nn.Module):
    """DINO's head: three layers, unit length, K prototypes of unit length."""

    hidden: int
    bottleneck: int
    outputs: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        """Logits [..., K], in float32 at least."""
        x = Mlp((self.hidden, self.hidden, self.bottleneck), name="mlp")(x)
        x = unit(at_least_float32(x))
        # a weight-normalised linear layer whose gain stays 1: only directions are learned
        shape = (self.outputs, self.bottleneck)
        directions = self.param("prototypes", normal_init, shape)
        return x @ unit(at_least_float32(directions)).T


class PairHead(nn.Module):
    """Mugs' heads of instances and local groups: a projector; in the student a predictor too."""

    hidden: int
    outputs: int
    predictor_hidden: int

    def setup(self) -> None:
        self.projector = Mlp((self.hidden, self.hidden, self.outputs), use_bias=False)
        self.predictor = Mlp((self.predictor_hidden, self.outputs), use_bias=False)

    def __call__(self, x: Array) -> Array:
        """The student's features [..., D] of unit length."""
        return unit(at_least_float32(self.predictor(self.target(x).astype(x.dtype))))

    def target(self, x: Array) -> Array:
        """The teacher's features [..., D] of unit length."""
        return unit(at_least_float32(self.projector(x)))
