"""Depthwise convolution: one kernel for each channel, zero padding of half the kernel.

Shapes: B batch, H W input space, Y X output space, C channels, I J kernel rows and columns.

The path is chosen for each backend and shape: XLA's grouped convolution on a GPU or TPU, or banded
matrices on a TPU if kernel and map are large (depthwise_bands.py). XLA's is slow on a CPU
(benchmarks/ops.py); there sums of shifted copies (depthwise_shifts.py), and inside `onednn_calls`
oneDNN (onednn/) if the convolution is large and one device runs it.
"""

import math
from functools import partial

import jax
from jax import Array, lax

from effjax.ops import depthwise_bands as bands
from effjax.ops import depthwise_shifts as shifts
from effjax.ops.onednn import (
    depthwise,
    depthwise_input_gradient,
    depthwise_kernel_gradient,
    large_enough,
    xla_or_onednn,
)
from effjax.ops.platform import on_tpu

# The kernel gradient by shifts is faster where both are smaller: numbers of a channel's kernel, and
# of an image, for each of which there is a call.
_LEAST_KERNEL_OF_A_CALL = 25
_LEAST_IMAGE_OF_A_CALL = 2**16

Pair = tuple[Array, Array]


def depthwise_conv(
    x: Array,
    w: Array,
    stride: int = 1,
    dilation: int = 1,
) -> Array:
    """Convolve each channel of ``x`` [B, H, W, C] with its own kernel ``w`` [I, J, 1, C].

    Each side is padded with zeros, ``dilation * (I // 2)`` rows and ``dilation * (J // 2)``
    columns, so that the result is [B, ceil(H / stride), ceil(W / stride), C], in the dtype of both
    arguments. Numbers of less than float32 are summed in float32. The gradient is custom;
    forward-mode differentiation works on top of it, not in place of it: ``jvp`` of ``grad``.
    Raises ValueError for an even kernel side or shapes that do not fit, TypeError for two dtypes.
    """
    channels = x.shape[-1]
    one_for_each_channel = w.ndim == 4 and w.shape[2:] == (1, channels)
    # the product of two sides is odd if both are
    if not one_for_each_channel or w.shape[0] * w.shape[1] % 2 == 0:
        raise ValueError(
            f"depthwise_conv got a kernel of shape {w.shape} for an input of shape {x.shape}: "
            f"give [I, J, 1, {channels}] with odd I and J"
        )
    if x.dtype != w.dtype:
        raise TypeError(f"depthwise_conv got x {x.dtype} and w {w.dtype}: cast one to the other")
    # a small map meets the middle of a large kernel only: fewer terms, the same sums
    w = _within_reach(w, x.shape[1:3], dilation)
    if on_tpu() and bands.pays(x, w, stride, dilation):
        return bands.convolve(x, w)
    return _convolve(x, w, stride, dilation)


def depthwise_conv_reference(x: Array, w: Array, stride: int = 1, dilation: int = 1) -> Array:
    """The same by XLA's grouped convolution."""
    rows = dilation * (w.shape[0] // 2)
    columns = dilation * (w.shape[1] // 2)
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(stride, stride),
        padding=[(rows, rows), (columns, columns)],
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


def _within_reach(
    w: Array,
    space: tuple[int, int],
    dilation: int,
) -> Array:
    """Leave out the rows and columns of the kernel that only ever meet the padding."""
    for axis, size in enumerate(space):
        half = w.shape[axis] // 2
        reach = min(half, (size - 1) // dilation)
        first = half - reach
        last = half + reach
        w = lax.slice_in_dim(w, first, last + 1, axis=axis)
    return w


def _forward(
    x: Array,
    w: Array,
    stride: int,
    dilation: int,
) -> Array:
    steps = {"stride": stride, "dilation": dilation}
    convolve = partial(shifts.convolve, **steps)
    if _large_enough(x, w, **steps):
        convolve = xla_or_onednn(convolve, depthwise)
    # decided when the program is lowered: the same trace may run on several backends
    reference = partial(depthwise_conv_reference, **steps)
    return lax.platform_dependent(x, w, cpu=convolve, default=reference)


def _forward_and_save(
    x: Array,
    w: Array,
    stride: int,
    dilation: int,
) -> tuple[Array, Pair]:
    return _forward(x, w, stride, dilation), (x, w)


def _gradients(
    stride: int,
    dilation: int,
    saved: Pair,
    g: Array,
) -> Pair:
    x, w = saved
    steps = {"stride": stride, "dilation": dilation}

    def by_lax(
        x: Array,
        w: Array,
        g: Array,
    ) -> Pair:
        reference = partial(depthwise_conv_reference, **steps)
        _, pull = jax.vjp(reference, x, w)
        return pull(g)

    def on_cpu(
        x: Array,
        w: Array,
        g: Array,
    ) -> Pair:
        rows, columns = w.shape[:2]
        sides = (rows, columns)
        of_x = partial(shifts.input_gradient, space=x.shape[1:3], **steps)
        of_w = partial(shifts.kernel_gradient, sides=sides, **steps)
        # both gradients of one convolution have as many products as it has
        calls = _large_enough(x, w, **steps)
        if calls:
            of_x = xla_or_onednn(of_x, depthwise_input_gradient)
        is_large_kernel = rows * columns >= _LEAST_KERNEL_OF_A_CALL
        is_large_image = math.prod(x.shape[1:]) >= _LEAST_IMAGE_OF_A_CALL
        if calls and (is_large_kernel or is_large_image):
            call = partial(depthwise_kernel_gradient, sides=sides)
            of_w = xla_or_onednn(of_w, call)
        return of_x(g, w), of_w(x, g)

    return lax.platform_dependent(x, w, g, cpu=on_cpu, default=by_lax)


def _large_enough(
    x: Array,
    w: Array,
    stride: int,
    dilation: int,
) -> bool:
    """Whether a call is faster; with a stride or a dilation XLA does it."""
    if stride != 1 or dilation != 1:
        return False
    rows, columns = w.shape[:2]
    return large_enough(x.size * rows * columns, x.dtype)


_convolve = jax.custom_vjp(_forward, nondiff_argnums=(2, 3))
_convolve.defvjp(_forward_and_save, _gradients)
