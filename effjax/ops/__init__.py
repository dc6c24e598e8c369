"""Numerics: convolutions, pooling, products, norms, attention; a plain reference beside each."""

from effjax.moved import old_names
from effjax.ops.attention import attention, attention_reference
from effjax.ops.beside import (
    for_each_channel,
    for_each_image,
    images_apart,
    images_beside,
    on_the_diagonal,
    own_channels,
    put_apart,
    put_beside,
    side_by_side,
)
from effjax.ops.channels import (
    channel_product,
    channel_sum,
    product_of_affine,
    rest_shape,
    scale_early,
)
from effjax.ops.conv import conv, conv_reference
from effjax.ops.depthwise_conv import depthwise_conv, depthwise_conv_reference
from effjax.ops.kept import keep_products_only, kept
from effjax.ops.layouts import tokens_in_rows
from effjax.ops.matrix_product import matrix_product, product_with_transposed
from effjax.ops.max_pool import max_pool, max_pool_reference
from effjax.ops.normalise import (
    affine_of_norm,
    norm_in_kernel,
    normalise,
    normalise_reference,
)
from effjax.ops.onednn import onednn_calls
from effjax.ops.platform import ANY, traced_for
from effjax.ops.pooling import pool_minus_input, pool_minus_input_reference
from effjax.ops.star_relu import star_relu, star_relu_reference

__getattr__ = old_names(__name__)

__all__ = [
    "ANY",
    "affine_of_norm",
    "attention",
    "attention_reference",
    "channel_product",
    "channel_sum",
    "conv",
    "conv_reference",
    "depthwise_conv",
    "depthwise_conv_reference",
    "for_each_channel",
    "for_each_image",
    "images_apart",
    "images_beside",
    "keep_products_only",
    "kept",
    "matrix_product",
    "max_pool",
    "max_pool_reference",
    "norm_in_kernel",
    "normalise",
    "normalise_reference",
    "on_the_diagonal",
    "onednn_calls",
    "own_channels",
    "pool_minus_input",
    "pool_minus_input_reference",
    "product_of_affine",
    "product_with_transposed",
    "put_apart",
    "put_beside",
    "rest_shape",
    "scale_early",
    "side_by_side",
    "star_relu",
    "star_relu_reference",
    "tokens_in_rows",
    "traced_for",
]
