"""Numerics: convolutions, pooling, matrix products; a plain reference beside each fast path."""

from effjax.moved import old_names
from effjax.ops.conv import conv, conv_reference
from effjax.ops.depthwise_conv import depthwise_conv, depthwise_conv_reference
from effjax.ops.matrix_product import matrix_product
from effjax.ops.onednn import onednn_calls
from effjax.ops.pooling import pool_minus_input, pool_minus_input_reference

__getattr__ = old_names(__name__)

__all__ = [
    "conv",
    "conv_reference",
    "depthwise_conv",
    "depthwise_conv_reference",
    "matrix_product",
    "onednn_calls",
    "pool_minus_input",
    "pool_minus_input_reference",
]
