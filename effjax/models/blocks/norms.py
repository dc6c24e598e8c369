"""Norms: all are called as norm(x, examples), so that one can stand in for another.

Shapes: B batch, C channels, ... any further axes. Statistics are taken in float32 at least.
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.nn.initializers import Initializer

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.initialisers import ones_init, zeros_init
from effjax.models.blocks.layers import at_least_float32, per_channel
from effjax.models.blocks.recompute import kept

Shape = tuple[int, ...]

# Axes of a norm: of each position its channels, or of a whole map [H, W, C].
CHANNELS = (-1,)
WHOLE_MAP = (-3, -2, -1)


class LayerNorm(nn.Module):
    """Subtract the mean and divide by the standard deviation over the axes `over`.

    The default normalises every position over its channels (https://arxiv.org/abs/1607.06450).
    `over=WHOLE_MAP` takes one mean and one deviation of a whole map: GroupNorm with one group.
    Scale and bias are per channel in both. Training and evaluation are the same.
    """

    eps: float = 1e-6
    use_bias: bool = True
    over: tuple[int, ...] = CHANNELS

    @nn.compact
    def __call__(self, x: Array, examples: Examples = None) -> Array:
        shape = (x.shape[-1],)
        scale = self.param("scale", ones_init, shape)
        wide = at_least_float32(x)
        # The variance of what is centred: E[x^2] - E[x]^2 cancels where the mean is large.
        mean = kept(wide.mean(self.over, keepdims=True))
        centred = wide - mean
        variance = kept(jnp.square(centred).mean(self.over, keepdims=True))
        normalised = centred * lax.rsqrt(variance + self.eps)
        y = normalised * per_channel(scale, wide)
        if self.use_bias:
            bias = self.param("bias", zeros_init, shape)
            y += per_channel(bias, y)
        return y.astype(x.dtype)


class BatchNorm(nn.Module):
    """Normalise each channel over all other axes (https://arxiv.org/abs/1502.03167).

    As in PyTorch: the batch is normalised by its biased variance, the running variance follows the
    unbiased one. The batch is the whole one: under a mesh by itself, under pmap over `batch_axis`.

    Called with `examples` int32 [B] in training, None in evaluation. An example whose index is
    negative is padding: it is normalised like the others and counts for no statistic.
    """

    batch_axis: str | None = None
    eps: float = 1e-5
    keep: float = 0.9
    scale_init: Initializer = ones_init

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        shape = (x.shape[-1],)
        scale = self.param("scale", self.scale_init, shape)
        bias = self.param("bias", zeros_init, shape)
        running_mean = self._average("mean", jnp.zeros, shape)
        running_var = self._average("var", jnp.ones, shape)
        wide = at_least_float32(x)
        # `init` may be called in training mode too: the averages start from 0 and 1 all the same.
        if examples is not None and not self.is_initializing():
            mean, var, count = self._statistics(wide, examples >= 0)
            # Bessel's correction, for the average alone; one value has no variance to correct.
            unbiased = var * (count / jnp.maximum(count - 1, 1))
            self._follow(running_mean, mean)
            self._follow(running_var, unbiased)
        else:
            mean, var = running_mean.value, running_var.value
        # Both factors are [C]: multiplied first, the large array is passed over once.
        factor = scale * lax.rsqrt(var + self.eps)
        centred = wide - per_channel(mean, wide)
        y = centred * per_channel(factor, wide) + per_channel(bias, wide)
        return y.astype(x.dtype)

    def _average(self, name: str, start: Callable[..., Array], shape: Shape) -> nn.Variable:
        """A running average, in float32 whatever the parameters are."""
        return self.variable("batch_stats", name, start, shape, jnp.float32)

    def _follow(self, running: nn.Variable, new: Array) -> None:
        blend = self.keep * running.value + (1 - self.keep) * new
        running.value = blend.astype(running.value.dtype)

    def _statistics(self, x: Array, valid: Array) -> tuple[Array, Array, Array]:
        """Mean [C], biased variance [C] and the number of values of a channel, of all devices."""
        axes = tuple(range(x.ndim - 1))  # all but the channels
        further = (1,) * (x.ndim - 1)
        weight = valid.astype(x.dtype).reshape(-1, *further)  # [B] -> [B, 1, ..., 1]
        positions = math.prod(x.shape[1:-1])
        count = self._total(weight.sum() * positions)
        # A batch of padding alone has no statistics: its sums are 0, and so is its mean.
        some = jnp.maximum(count, 1)
        mean = self._total((x * weight).sum(axes)) / some
        # Around the mean of all devices: the mean of their variances would be too small.
        square = jnp.square(x - per_channel(mean, x))
        var = self._total((square * weight).sum(axes)) / some
        return kept(mean), kept(var), count

    def _total(self, values: Array) -> Array:
        return lax.psum(values, self.batch_axis) if self.batch_axis else values
