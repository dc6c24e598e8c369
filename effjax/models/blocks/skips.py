"""Long skips and how they are scaled, ScaleLong: https://arxiv.org/abs/2310.13545.

Shapes: B batch, N tokens, C channels.
"""

import math
from typing import Literal

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array

from effjax.models.blocks.initialisers import uniform_init
from effjax.models.blocks.layers import Linear

# plain; 1/sqrt 2 for all; kappa^depth; a gate for each token, by one network or one for each skip
Skips = Literal["plain", "sqrt_half", "constant", "learned", "learned_each"]
FixedSkips = Literal["plain", "sqrt_half", "constant"]
SHRINK = 16  # a gate's hidden layer has so many fewer numbers than there are tokens


def skip_factor(kind: FixedSkips, number: int, count: int, kappa: float) -> float:
    """Of the skip into out-block `number` of `count`; 0 is the deepest, the last the outermost."""
    if kind == "constant":
        return kappa ** (count - 1 - number)
    return math.sqrt(0.5) if kind == "sqrt_half" else 1.0


class SkipGate(nn.Module):
    """A gate in (0, 1) for each token, out of the channel means of all tokens.

    Its size is tied to the number of tokens: no other resolution.
    """

    @nn.compact
    def __call__(self, skip: Array) -> Array:
        """[B, N, C] -> [B, N]."""
        tokens = skip.shape[1]
        hidden = tokens // SHRINK
        means = skip.mean(-1)
        # PyTorch's defaults: gates start near one half
        first = _torch_linear(hidden, tokens, "layer1")
        second = _torch_linear(tokens, hidden, "layer2")
        return jax.nn.sigmoid(second(jax.nn.relu(first(means))))


def _torch_linear(outputs: int, inputs: int, name: str) -> Linear:
    uniform = uniform_init(max(inputs, 1) ** -0.5)
    return Linear(outputs, kernel_init=uniform, bias_init=uniform, name=name)


def gated(skip: Array, gates: Array) -> Array:
    """[B, N, C] times [B, N]."""
    return skip * jnp.expand_dims(gates, -1)
