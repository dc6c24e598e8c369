"""Numerics: depthwise convolution and pooling, each a plain reference and a path that is fast."""

from effjax.ops.depthwise_conv import depthwise_conv, depthwise_conv_reference
from effjax.ops.pooling import pool_minus_input, pool_minus_input_reference

__all__ = [
    "depthwise_conv",
    "depthwise_conv_reference",
    "pool_minus_input",
    "pool_minus_input_reference",
]
