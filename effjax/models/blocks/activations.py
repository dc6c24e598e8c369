"""Activations, with and without parameters.

Shapes: C channels, ... any leading axes.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax

from effjax.models.blocks.initialisers import ones_init, zeros_init
from effjax.models.blocks.layers import at_least_float32
from effjax.ops import star_relu

SQRT_HALF = math.sqrt(0.5)
NORMAL_PEAK = 1 / math.sqrt(2 * math.pi)  # the normal density at 0


@jax.custom_jvp
def gelu(x: Array) -> Array:
    """The exact GELU, x times the normal distribution function (arXiv:1606.08415).

    As PyTorch writes it. `jax.nn.gelu(approximate=False)` goes through erfc, which takes four times
    as long on a CPU, gradient included.
    """
    y = at_least_float32(x)
    # the normal distribution function: the share of a normal variable below y
    distribution = 0.5 * (1.0 + lax.erf(y * SQRT_HALF))
    return (y * distribution).astype(x.dtype)


@gelu.defjvp
def _gelu_jvp(at: tuple[Array], along: tuple[Array]) -> tuple[Array, Array]:
    """The derivative from x alone, so that the backward pass keeps no other array."""
    (x,), (dx,) = at, along
    y = at_least_float32(x)
    # erf(-x), not erf(x): otherwise XLA saves the forward pass's erf as a third array.
    distribution = 0.5 - 0.5 * lax.erf(y * -SQRT_HALF)
    density = jnp.exp(-0.5 * y * y) * NORMAL_PEAK
    # d/dy (y * distribution(y)), since the density is the distribution's slope
    slope = distribution + y * density
    return gelu(x), dx * slope.astype(x.dtype)


def squared_relu(x: Array) -> Array:
    """relu(x)^2."""
    return jnp.square(jax.nn.relu(x))


class StarReLU(nn.Module):
    """s * relu(x)^2 + b with one learnable s and one b for the whole layer.

    MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452. The paper derives s = 0.8944
    and b = -0.4472 for a unit normal input; the published models start from 1 and 0.
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        # One number each for all channels, not one for each channel.
        scale = self.param("scale", ones_init, (1,))
        bias = self.param("bias", zeros_init, (1,))
        return star_relu(x, scale, bias)


# name -> (name of the layer -> the activation); only StarReLU has parameters
ACTIVATIONS: dict[str, Callable[..., Callable[[Array], Array]]] = {
    "gelu": lambda name: gelu,
    "relu": lambda name: jax.nn.relu,
    "squared_relu": lambda name: squared_relu,
    "silu": lambda name: jax.nn.silu,
    "star_relu": lambda name: StarReLU(name=name),
}
