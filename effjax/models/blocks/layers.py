"""Linear layers and convolutions.

Shapes: B batch, H W space, C channels, I O inputs and outputs, ... any leading axes.

A layer computes in the dtype of its input and keeps parameters in float32 unless they are handed
in otherwise. Statistics and the head are taken in float32 at least.

What a layer does with its kernel is a method of its own, `product`, so that `nn.intercept_methods`
can change both before they meet (`effjax.compress.quantised` rounds them).
"""

import math
from collections.abc import Callable, Sequence

import jax.numpy as jnp
from flax import linen as nn
from jax import Array, lax
from jax.nn.initializers import Initializer

from effjax.errors import UserError
from effjax.models.blocks.initialisers import fan_out_init, normal_init, zeros_init
from effjax.ops import (
    channel_product,
    channel_sum,
    conv,
    depthwise_conv,
    for_each_channel,
    kept,
    max_pool,
    on_the_diagonal,
    own_channels,
    product_of_affine,
    side_by_side,
)

Affine = tuple[Array, Array] | None


def at_least_float32(x: Array) -> Array:
    """`x` in float32, or in its own dtype where that is wider."""
    return x.astype(jnp.promote_types(x.dtype, jnp.float32))


def per_channel(parameter: Array, x: Array) -> Array:
    """`parameter` [C] in the rank and the dtype of `x` [..., C]."""
    return for_each_channel(parameter, x)


def refuse_smaller_maps(
    layer: nn.Module,
    shape: Sequence[int],
    kernel: Sequence[int],
    pad: Sequence[int] = (),
) -> None:
    """Refuse an input [B, space, C] that is smaller than the kernel of `layer`.

    Else the output is empty, and the first error comes from a layer far from here, or none at all.

    Raises:
      UserError: an axis is too small, or there are not as many as the kernel has.
    """
    place = "/".join(layer.path)
    space = shape[1:-1]
    if len(space) != len(kernel):
        raise UserError(
            f"{place} takes arrays of {len(kernel) + 2} axes (examples, space or time, channels), "
            f"not of shape {tuple(shape)}"
        )
    for size, side, zeros in zip(space, kernel, pad or (0,) * len(kernel), strict=True):
        if size + 2 * zeros < side:
            raise UserError(
                f"the images are too small: at {place} a kernel of {_times(kernel)} meets a map "
                f"of {_times(space)}\n"
                "give larger ones (config.data.image_size), or a network of fewer strides"
            )


def _times(sides: Sequence[int]) -> str:
    return " x ".join(str(side) for side in sides)


def unscaled(x: Array) -> Array:
    """`x`, where another layer multiplies by a `Scale`."""
    return x


class Linear(nn.Module):
    """[..., I] -> [..., features].

    Attributes:
      parts: so many equal parts of the features are used each by itself, as queries, keys, values.
    """

    features: int
    use_bias: bool = True
    kernel_init: Initializer = normal_init
    bias_init: Initializer = zeros_init
    parts: int = 1

    @nn.compact
    def __call__(
        self, x: Array, scale: Callable[[Array], Array] = unscaled, affine: Affine = None
    ) -> Array:
        """`scale` of the result [..., features], by way of the kernel and the bias.

        Args:
          affine: (factor, shift) [B, 1, ..., I] of what the layer takes in place of `x`, which is
            factor * x + shift.
        """
        refuse_smaller_maps(self, x.shape, kernel=(1,) * (x.ndim - 2))
        shape = (own_channels(x), self.features)
        bias = None
        with side_by_side(1):  # parameters are of one image
            kernel = scale(self.param("kernel", self.kernel_init, shape))
            if self.use_bias:
                bias = scale(self.param("bias", self.bias_init, (self.features,)))
        if affine is None:
            y = self.product(x, kernel.astype(x.dtype))
        else:
            y = product_of_affine(x, kernel, *affine)
        if bias is not None:
            y = channel_sum(y, bias, self.parts)
        return kept(y)

    def product(self, x: Array, kernel: Array) -> Array:
        """[..., I] times [I, features]."""
        return channel_product(x, kernel, self.parts)


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
    def __call__(self, x: Array) -> Array:
        # A group sees its own inputs only: [K..., I / groups, O]
        shape = (*self.kernel, own_channels(x) // self.groups, self.features)
        kernel = self.param("kernel", self.kernel_init, shape)
        pad = per_axis(self.pad, len(self.kernel))
        refuse_smaller_maps(self, x.shape, self.kernel, pad)
        y = self.product(x, kernel.astype(x.dtype))
        if self.use_bias:
            bias = self.param("bias", self.bias_init, (self.features,))
            y += per_channel(bias, y)
        return kept(y)

    def product(self, x: Array, kernel: Array) -> Array:
        """The convolution without its bias."""
        rank = x.ndim - 2
        stride = per_axis(self.stride, rank)
        pad = per_axis(self.pad, rank)
        pointwise = math.prod(self.kernel) == 1 and not any(pad)
        if pointwise and self.groups == 1:
            # A 1x1 convolution is a linear layer on the positions that the stride leaves.
            steps = (slice(None, None, step) for step in stride)
            matrix = kernel.reshape(-1, self.features)
            return channel_product(x[:, *steps], matrix)
        if rank == 2 and self.groups == 1:
            return conv(x, on_the_diagonal(kernel, x.shape[-1] // kernel.shape[-2]), stride, pad)
        # Over time and space (video), or in groups.
        return self._general(x, kernel, stride, pad)

    def _general(self, x: Array, kernel: Array, stride: Sequence[int], pad: Sequence[int]) -> Array:
        space = "DHW"[-len(stride) :]  # D is time
        return lax.conv_general_dilated(
            x,
            kernel,
            window_strides=stride,
            padding=[(width, width) for width in pad],
            dimension_numbers=(f"N{space}C", f"{space}IO", f"N{space}C"),
            feature_group_count=self.groups,
        )


def per_axis(value: Sequence[int] | int, rank: int) -> tuple[int, ...]:
    """One number for each of `rank` axes."""
    return (value,) * rank if isinstance(value, int) else tuple(value)


def padded_conv(features: int, side: int, stride: int = 1, groups: int = 1, *, name: str) -> Conv:
    """A square convolution without bias, padded by half its kernel, as ResNets have it."""
    return Conv(
        features,
        (side, side),
        stride,
        pad=side // 2,
        groups=groups,
        use_bias=False,
        kernel_init=fan_out_init,
        name=name,
    )


def max_pool_3x3(x: Array, stride: int) -> Array:
    """The largest of the neighbours that there are: padding is minus infinity."""
    return max_pool(x, 3, stride, pad=1)


class DepthwiseConv(nn.Module):
    """One odd kernel for each channel, padded so that with a stride of 1 H and W are kept."""

    kernel: Sequence[int]
    use_bias: bool = True
    kernel_init: Initializer = normal_init
    stride: int = 1
    dilation: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        channels = x.shape[-1]
        shape = (*self.kernel, 1, channels)
        kernel = self.param("kernel", self.kernel_init, shape)
        y = self.product(x, kernel.astype(x.dtype))
        if self.use_bias:
            bias = self.param("bias", zeros_init, (channels,))
            y += per_channel(bias, y)
        return kept(y)

    def product(self, x: Array, kernel: Array) -> Array:
        """The convolution without its bias."""
        return depthwise_conv(x, kernel, self.stride, self.dilation)


class Scale(nn.Module):
    """One learnable factor for each channel: layer scale on a branch, residual scale on a skip."""

    init: float

    @nn.compact
    def __call__(self, x: Array) -> Array:
        init = nn.initializers.constant(self.init)
        scale = self.param("scale", init, (own_channels(x),))
        return x * per_channel(scale, x)
