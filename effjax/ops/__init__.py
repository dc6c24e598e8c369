"""Numerics: convolutions, pooling, matrix products; a plain reference beside each fast path."""

from effjax.ops.depthwise_conv import depthwise_conv, depthwise_conv_reference
from effjax.ops.matrix_product import matrix_product
from effjax.ops.onednn import onednn_calls
from effjax.ops.patch_conv import patch_conv, patch_conv_reference
from effjax.ops.pooling import pool_minus_input, pool_minus_input_reference

__all__ = [
    "depthwise_conv",
    "depthwise_conv_reference",
    "matrix_product",
    "onednn_calls",
    "patch_conv",
    "patch_conv_reference",
    "pool_minus_input",
    "pool_minus_input_reference",
]
