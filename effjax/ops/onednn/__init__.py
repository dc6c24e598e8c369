"""Calls into oneDNN, which jaxlib brings along, on one CPU device.

The only entry: other files of `effjax.ops` import nothing from inside this folder.
"""

from effjax.ops.onednn.calls import (
    available,
    convolution,
    large_enough,
    matmul,
    onednn_calls,
    with_gradients,
    xla_or_onednn,
)
from effjax.ops.onednn.depthwise import (
    depthwise,
    depthwise_input_gradient,
    depthwise_kernel_gradient,
)

__all__ = [
    "available",
    "convolution",
    "depthwise",
    "depthwise_input_gradient",
    "depthwise_kernel_gradient",
    "large_enough",
    "matmul",
    "onednn_calls",
    "with_gradients",
    "xla_or_onednn",
]
