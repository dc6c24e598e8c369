"""Layers with several implementations, shown as what they mean.

    with nn.intercept_methods(plain_layers):
        program = jax.make_jaxpr(model.apply)(variables, images)

A fast path may be a call out of XLA, or sums of shifted maps: whoever reads a program's operations,
to count them or to follow paths through them, wants the convolution itself.
"""

from collections.abc import Callable
from typing import Any

from flax import linen as nn

from effjax.models.blocks.layers import DepthwiseConv
from effjax.models.blocks.mixers import Pooling
from effjax.ops import depthwise_conv_reference
from effjax.ops.pooling import pool_minus_input_reference


def plain_layers(
    call: Callable[..., Any], args: tuple, kwargs: dict, context: nn.module.InterceptorContext
) -> Any:
    """For `nn.intercept_methods`: the same numbers by XLA's own operations."""
    layer = context.module
    if isinstance(layer, DepthwiseConv) and context.method_name == "product":
        x, kernel = args
        return depthwise_conv_reference(x, kernel, layer.stride, layer.dilation)
    if isinstance(layer, Pooling) and context.method_name == "__call__":
        return pool_minus_input_reference(args[0], layer.kernel_size)
    return call(*args, **kwargs)
