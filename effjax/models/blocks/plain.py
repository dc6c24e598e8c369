"""Layers with several implementations, shown as what they mean.

    with nn.intercept_methods(plain_layers):
        program = jax.make_jaxpr(model.apply)(variables, images)

A fast path may be a call out of XLA, or sums of shifted maps: whoever reads a program's operations,
to count them or to follow paths through them, wants the convolution itself.
"""

from collections.abc import Callable
from typing import Any

from flax import linen as nn
from jax import Array

from effjax.models.blocks.layers import DepthwiseConv, per_channel
from effjax.models.blocks.mixers import Pooling
from effjax.ops import depthwise_conv_reference
from effjax.ops.pooling import pool_minus_input_reference


def plain_layers(
    call: Callable[..., Any], args: tuple, kwargs: dict, context: nn.module.InterceptorContext
) -> Any:
    """For `nn.intercept_methods`: the same numbers by XLA's own operations."""
    layer = context.module
    if context.method_name != "__call__":
        return call(*args, **kwargs)
    if isinstance(layer, DepthwiseConv):
        return _depthwise(layer, args[0])
    if isinstance(layer, Pooling):
        return pool_minus_input_reference(args[0], layer.kernel_size)
    return call(*args, **kwargs)


def _depthwise(layer: DepthwiseConv, x: Array) -> Array:
    params = layer.variables["params"]
    kernel = params["kernel"].astype(x.dtype)
    y = depthwise_conv_reference(x, kernel, layer.stride, layer.dilation)
    if layer.use_bias:
        y += per_channel(params["bias"], y)
    return y
