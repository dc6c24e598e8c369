"""Layers that every family shares.

Shapes: B batch, H W space, C channels, ... any leading axes.

A layer computes in the dtype of its input and keeps parameters in float32 unless they are handed
in otherwise. Statistics and the head are taken in float32 at least. Layers that draw take
`examples`, int32 [B]: the index of each example in the global batch, or None in evaluation. A draw
belongs to an example, so it depends neither on the number of devices nor on how the batch is cut.
"""

import math
from collections.abc import Callable, Sequence
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax import lax
from jax.nn.initializers import Initializer

from effjax.ops import depthwise_conv, matrix_product, patch_conv

# The authors truncate at +-2, which is +-100 standard deviations: a plain normal.
normal_init = nn.initializers.normal(0.02)
fan_out_init = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
zeros_init = nn.initializers.zeros


def uniform_init(bound: float) -> Initializer:
    """Uniform in [-bound, bound)."""

    def init(key: jax.Array, shape: Sequence[int], dtype: jnp.dtype = jnp.float32) -> jax.Array:
        return jax.random.uniform(key, shape, dtype, -bound, bound)

    return init


def at_least_float32(x: jax.Array) -> jax.Array:
    """`x` in float32, or in its own dtype where that is wider."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


@jax.custom_jvp
def gelu(x: jax.Array) -> jax.Array:
    """The exact GELU, x times the normal distribution function (arXiv:1606.08415).

    As PyTorch writes it. `jax.nn.gelu(approximate=False)` goes through erfc, which takes four times
    as long on a CPU, gradient included.
    """
    y = at_least_float32(x)
    return (0.5 * y * (1.0 + lax.erf(y * math.sqrt(0.5)))).astype(x.dtype)


@gelu.defjvp
def _gelu_jvp(at: tuple[jax.Array], along: tuple[jax.Array]) -> tuple[jax.Array, jax.Array]:
    """The derivative needs x alone.

    It takes erf of -x: of x, the compiler would keep what the forward pass had, a third array that
    is written and read.
    """
    (x,), (dx,) = at, along
    y = at_least_float32(x)
    distribution = 0.5 - 0.5 * lax.erf(y * -math.sqrt(0.5))
    density = jnp.exp(-0.5 * y * y) * (1 / math.sqrt(2 * math.pi))
    return gelu(x), dx * (distribution + y * density).astype(x.dtype)


def per_channel(parameter: jax.Array, x: jax.Array) -> jax.Array:
    """`parameter` [C] in the rank and the dtype of `x` [..., C]."""
    return parameter.astype(x.dtype).reshape((1,) * (x.ndim - 1) + (-1,))


def by_matrix(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """[..., I] times [I, O], as a product of two matrices.

    With more than one leading axis, XLA on a CPU transposes what the gradient of the kernel needs,
    and recomputes it there from all that can be fused.
    """
    y = matrix_product(x.reshape(-1, x.shape[-1]), kernel)
    return y.reshape(*x.shape[:-1], kernel.shape[-1])


class Linear(nn.Module):
    """[..., I] -> [..., features]."""

    features: int
    use_bias: bool = True
    kernel_init: Initializer = normal_init
    bias_init: Initializer = zeros_init

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", self.kernel_init, (x.shape[-1], self.features))
        y = by_matrix(x, kernel.astype(x.dtype))
        if self.use_bias:
            y += per_channel(self.param("bias", self.bias_init, (self.features,)), y)
        return y


class Conv(nn.Module):
    """Convolution over all axes between the first and the last, with explicit zero padding.

    "SAME" is never used: for strided kernels it pads otherwise than the published models.
    """

    features: int
    kernel: Sequence[int]
    stride: Sequence[int] | int = 1
    pad: Sequence[int] | int = 0
    groups: int = 1
    use_bias: bool = True
    kernel_init: Initializer = normal_init
    bias_init: Initializer = zeros_init

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        rank = x.ndim - 2
        stride, pad = (
            (n,) * rank if isinstance(n, int) else tuple(n) for n in (self.stride, self.pad)
        )
        shape = (*self.kernel, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape).astype(x.dtype)
        if math.prod(self.kernel) == self.groups == 1 and not any(pad):
            y = by_matrix(x[:, *(slice(None, None, s) for s in stride)], kernel.reshape(shape[-2:]))
        elif rank == 2 and self.groups == 1:
            y = patch_conv(x, kernel, stride, pad)
        else:
            space = "DHW"[-rank:]
            y = lax.conv_general_dilated(
                x,
                kernel,
                window_strides=stride,
                padding=[(p, p) for p in pad],
                dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
                feature_group_count=self.groups,
            )
        if self.use_bias:
            y += per_channel(self.param("bias", self.bias_init, (self.features,)), y)
        return y


def patches(architecture: Any, stage: int, **initialisers: Initializer) -> Conv:
    """The strided convolution that makes the patches of a stage, as a layer named "conv"."""
    size, stride, pad = (
        getattr(architecture, f"patch_{field}")[stage] for field in ("kernels", "strides", "pads")
    )
    return Conv(architecture.dims[stage], (size, size), stride, pad, name="conv", **initialisers)


class DepthwiseConv(nn.Module):
    """One odd kernel for each channel, stride 1, padded to keep H and W."""

    kernel: Sequence[int]
    use_bias: bool = True
    kernel_init: Initializer = normal_init

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        kernel = self.param("kernel", self.kernel_init, (*self.kernel, 1, x.shape[-1]))
        y = depthwise_conv(x, kernel.astype(x.dtype))
        if self.use_bias:
            y += per_channel(self.param("bias", zeros_init, (x.shape[-1],)), y)
        return y


class LayerNorm(nn.Module):
    """Subtract the mean and divide by the standard deviation over the axes `over`.

    The default normalises every position over its channels (https://arxiv.org/abs/1607.06450).
    `over=(-3, -2, -1)` takes one mean and one deviation of a whole map: GroupNorm with one group.
    Scale and bias are per channel in both.
    """

    eps: float = 1e-6
    use_bias: bool = True
    over: tuple[int, ...] = (-1,)

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.ones, (x.shape[-1],))
        wide = at_least_float32(x)
        centred = wide - wide.mean(self.over, keepdims=True)
        variance = jnp.square(centred).mean(self.over, keepdims=True)
        y = centred * lax.rsqrt(variance + self.eps) * per_channel(scale, wide)
        if self.use_bias:
            y += per_channel(self.param("bias", zeros_init, (x.shape[-1],)), y)
        return y.astype(x.dtype)


class BatchNorm(nn.Module):
    """Normalise each channel over all other axes (https://arxiv.org/abs/1502.03167).

    As in PyTorch: the batch is normalised by its biased variance, the running variance follows the
    unbiased one. The batch is the whole one: under a mesh by itself, under pmap over `batch_axis`.
    """

    batch_axis: str | None = None
    eps: float = 1e-5
    keep: float = 0.9
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        shape = (x.shape[-1],)
        scale = self.param("scale", self.scale_init, shape)
        bias = self.param("bias", zeros_init, shape)
        running_mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        running_var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        wide = at_least_float32(x)
        mean, var = running_mean.value, running_var.value
        if train and not self.is_initializing():
            mean, var, count = self._statistics(wide)
            unbiased = var * (count / max(count - 1, 1))
            for running, new in ((running_mean, mean), (running_var, unbiased)):
                blend = self.keep * running.value + (1 - self.keep) * new
                running.value = blend.astype(running.value.dtype)
        factor = scale * lax.rsqrt(var + self.eps)
        y = (wide - per_channel(mean, wide)) * per_channel(factor, wide)
        return (y + per_channel(bias, wide)).astype(x.dtype)

    def _statistics(self, x: jax.Array) -> tuple[jax.Array, jax.Array, int]:
        """Mean [C], biased variance [C] and the number of values of a channel, of all devices."""
        axes = tuple(range(x.ndim - 1))
        count = x.size // x.shape[-1]

        def average(values: jax.Array) -> jax.Array:
            mean = values.mean(axes)
            return lax.pmean(mean, self.batch_axis) if self.batch_axis else mean

        mean = average(x)
        var = average(jnp.square(x - per_channel(mean, x)))
        return mean, var, count * (lax.axis_size(self.batch_axis) if self.batch_axis else 1)


class StarReLU(nn.Module):
    """s * relu(x)^2 + b with one learnable s and one b for the whole layer.

    MetaFormer Baselines for Vision, https://arxiv.org/abs/2210.13452. The paper derives s = 0.8944
    and b = -0.4472 for a unit normal input; the published models start from 1 and 0.
    """

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.ones, (1,))
        bias = self.param("bias", zeros_init, (1,))
        return per_channel(scale, x) * jnp.square(jax.nn.relu(x)) + per_channel(bias, x)


ACTIVATIONS: dict[str, Callable[..., Callable[[jax.Array], jax.Array]]] = {
    "gelu": lambda name: gelu,
    "relu": lambda name: jax.nn.relu,
    "squared_relu": lambda name: lambda x: jnp.square(jax.nn.relu(x)),
    "silu": lambda name: jax.nn.silu,
    "star_relu": lambda name: StarReLU(name=name),
}


class Scale(nn.Module):
    """One learnable factor for each channel: layer scale on a branch, residual scale on a skip."""

    init: float

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        scale = self.param("scale", nn.initializers.constant(self.init), (x.shape[-1],))
        return x * per_channel(scale, x)


def draw_kept(
    key: jax.Array, examples: jax.Array, keep: float, shape: Sequence[int] = ()
) -> jax.Array:
    """For each of `examples` [B] a bool array of `shape`, True with probability `keep`."""

    def draw(example: jax.Array) -> jax.Array:
        return jax.random.bernoulli(jax.random.fold_in(key, example), keep, shape)

    return jax.vmap(draw)(examples)


class Dropout(nn.Module):
    """Zero each number with probability `rate`, divide the others by 1 - rate."""

    rate: float

    @nn.compact
    def __call__(self, x: jax.Array, examples: jax.Array | None) -> jax.Array:
        if examples is None or self.rate == 0:
            return x
        keep = 1 - self.rate
        kept = draw_kept(self.make_rng("dropout"), examples, keep, x.shape[1:])
        return jnp.where(kept, x / keep, 0)


def stochastic_depth_rates(rate: float, depths: Sequence[int]) -> list[tuple[float, ...]]:
    """From 0 in the first block to `rate` in the last, evenly; one tuple for each stage."""
    rates = iter(np.linspace(0, rate, sum(depths)).tolist())
    return [tuple(islice(rates, depth)) for depth in depths]


class StochasticDepth(nn.Module):
    """Zero a whole branch of an example with probability `rate`, divide the others by 1 - rate.

    Deep Networks with Stochastic Depth, https://arxiv.org/abs/1603.09382.
    """

    rate: float

    @nn.compact
    def __call__(
        self,
        x: jax.Array,
        examples: jax.Array | None,
        given: tuple[jax.Array, jax.Array] | None = None,
    ) -> jax.Array:
        """`given` (1 - rate, key) stands in for the layer's own, in scanned blocks."""
        if examples is None or (given is None and self.rate == 0):
            return x
        keep, key = given or (1 - self.rate, self.make_rng("dropout"))
        kept = draw_kept(key, examples, keep)
        return jnp.where(kept.reshape((-1,) + (1,) * (x.ndim - 1)), x / keep, 0)


class Mlp(nn.Module):
    """Two linear layers with an activation between them, on the channels of each position."""

    ratio: float = 4.0
    activation: str = "gelu"
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        channels = x.shape[-1]
        x = Linear(int(self.ratio * channels), self.use_bias, name="fc1")(x)
        x = ACTIVATIONS[self.activation](name="act")(x)
        return Linear(channels, self.use_bias, name="fc2")(x)
