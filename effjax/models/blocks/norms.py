"""Norms: all are called as norm(x, examples), so that one can stand in for another.

Shapes: B batch, C channels, ... any further axes. Statistics are taken in float32 at least.
"""

import contextlib
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.nn.initializers import Initializer

from effjax.models.blocks.arguments import Examples
from effjax.models.blocks.initialisers import ones_init, zeros_init
from effjax.models.blocks.layers import at_least_float32, per_channel
from effjax.ops import affine_of_norm, kept, normalise, own_channels

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
    def __call__(
        self, x: Array, examples: Examples = None, apart: bool = False
    ) -> Array | tuple[Array, Array]:
        """`apart`: not the result, but (factor, shift) of each image that give it from `x`."""
        shape = (own_channels(x),)
        scale = self.param("scale", ones_init, shape)
        # a map whose positions are one axis [B, N, C] has one axis less
        over = self.over[1 - x.ndim :]
        if apart:
            factor, normalised = affine_of_norm(x, over, self.eps)
            factor *= per_channel(scale, factor)
        else:
            normalised = normalise(x, over, self.eps)
        y = normalised * per_channel(scale, normalised)
        if self.use_bias:
            bias = self.param("bias", zeros_init, shape)
            y += per_channel(bias, y)
        return (factor, y) if apart else y.astype(x.dtype)


# see `batch_groups`; read where a layer is traced
_groups: ContextVar[int | None] = ContextVar("groups of a batch", default=None)


@contextlib.contextmanager
def batch_groups(groups: int) -> Iterator[None]:
    """Inside, BatchNorm takes the statistics of each of `groups` equal runs of a batch alone.

    The running averages follow the mean over the groups. Under pmap a device has whole groups: the
    number is that of its own part, and nothing but the running averages crosses devices.
    """
    token = _groups.set(groups)
    try:
        yield
    finally:
        _groups.reset(token)


class BatchNorm(nn.Module):
    """Normalise each channel over all other axes (https://arxiv.org/abs/1502.03167).

    As in PyTorch: the batch is normalised by its biased variance, the running variance follows the
    unbiased one. The batch is the whole one: under a mesh by itself, under pmap over `batch_axis`.

    Called with `examples` int32 [B] in training, None in evaluation. An example whose index is
    negative is padding: it is normalised like the others and counts for no statistic.

    `affine=False` leaves out the scale and the bias. `batch_groups` divides the batch.
    """

    batch_axis: str | None = None
    eps: float = 1e-5
    keep: float = 0.9
    scale_init: Initializer = ones_init
    affine: bool = True

    @nn.compact
    def __call__(self, x: Array, examples: Examples) -> Array:
        shape = (x.shape[-1],)
        scale, bias = jnp.ones(shape), jnp.zeros(shape)
        if self.affine:
            scale = self.param("scale", self.scale_init, shape)
            bias = self.param("bias", zeros_init, shape)
        running_mean = self._average("mean", jnp.zeros, shape)
        running_var = self._average("var", jnp.ones, shape)
        wide = at_least_float32(x)
        # `init` may be called in training mode too: the averages start from 0 and 1 all the same.
        learns = examples is not None and not self.is_initializing()
        groups = _groups.get()
        if learns and groups is not None:
            parts = wide.reshape(groups, -1, *wide.shape[1:])  # [G, B / G, ..., C]
            valid = (examples >= 0).reshape(groups, -1)
            y = self._in_groups(parts, valid, running_mean, running_var).reshape(wide.shape)
            y = y * per_channel(scale, wide) + per_channel(bias, wide)
            return y.astype(x.dtype)
        if learns:
            mean, var, count = _statistics(wide, examples >= 0, self.batch_axis)
            # Bessel's correction, for the average alone; one value has no variance to correct.
            unbiased = var * (count / jnp.maximum(count - 1, 1))
            self._follow(running_mean, mean)
            self._follow(running_var, unbiased)
        else:
            mean, var = running_mean.value, running_var.value
        # Two numbers a channel: the large array is passed over once, and so is its gradient.
        factor = scale * lax.rsqrt(var + self.eps)
        shift = bias - mean * factor
        y = wide * per_channel(factor, wide) + per_channel(shift, wide)
        return y.astype(x.dtype)

    def _in_groups(
        self, parts: Array, valid: Array, running_mean: nn.Variable, running_var: nn.Variable
    ) -> Array:
        """`parts` normalised group by group; the running averages take the mean of the groups."""
        # a group lies on one device
        mean, var, count = jax.vmap(_statistics)(parts, valid)  # [G, C], [G, C], [G]
        unbiased = var * (count / jnp.maximum(count - 1, 1))[:, None]
        for running, new in ((running_mean, mean), (running_var, unbiased)):
            new = new.mean(0)
            if self.batch_axis:
                new = lax.pmean(new, self.batch_axis)
            self._follow(running, new)
        further = (1,) * (parts.ndim - 2)
        shape = (len(parts), *further, parts.shape[-1])
        factor = lax.rsqrt(var + self.eps)
        return (parts - mean.reshape(shape)) * factor.reshape(shape)

    def _average(self, name: str, start: Callable[..., Array], shape: Shape) -> nn.Variable:
        """A running average, in float32 whatever the parameters are."""
        return self.variable("batch_stats", name, start, shape, jnp.float32)

    def _follow(self, running: nn.Variable, new: Array) -> None:
        blend = self.keep * running.value + (1 - self.keep) * new
        running.value = blend.astype(running.value.dtype)


def _statistics(x: Array, valid: Array, axis: str | None = None) -> tuple[Array, Array, Array]:
    """Mean [C], biased variance [C] and the number of values of a channel, of all devices."""
    axes = tuple(range(x.ndim - 1))  # all but the channels
    further = (1,) * (x.ndim - 1)
    weight = valid.astype(x.dtype).reshape(-1, *further)  # [B] -> [B, 1, ..., 1]
    positions = math.prod(x.shape[1:-1])
    count = _total(weight.sum() * positions, axis)
    # A batch of padding alone has no statistics: its sums are 0, and so is its mean.
    some = jnp.maximum(count, 1)
    mean = kept(_total((x * weight).sum(axes), axis) / some)
    # Around the mean of all devices: the mean of their variances would be too small.
    square = jnp.square(x - per_channel(mean, x))
    var = kept(_total((square * weight).sum(axes), axis) / some)
    return mean, var, count


def _total(values: Array, axis: str | None) -> Array:
    return lax.psum(values, axis) if axis else values
