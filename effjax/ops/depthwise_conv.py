"""Depthwise convolution: one kernel for each channel, zero padding of half the kernel.

Shapes: B batch, H W input space, Y X output space, C channels, I J kernel rows and columns.

The path is chosen for each backend and shape: XLA's grouped convolution on a GPU or TPU, which is
slow on a CPU (benchmarks/ops.py); there sums of shifted copies (depthwise_shifts.py), and inside
`onednn_calls` oneDNN (onednn/depthwise.py) if the convolution is large and one device runs it.
"""

import math
from functools import partial

import jax
from jax import lax

from effjax.ops import depthwise_shifts as shifts
from effjax.ops.onednn import depthwise as onednn
from effjax.ops.onednn.calls import either, worth_a_call

_LEAST_KERNEL_OF_A_CALL = 25  # elements; the kernel gradient by shifts is faster below


def depthwise_conv(x: jax.Array, w: jax.Array, stride: int = 1, dilation: int = 1) -> jax.Array:
    """Convolve each channel of ``x`` [B, H, W, C] with its own kernel ``w`` [I, J, 1, C].

    Each side is padded with zeros, ``dilation * (I // 2)`` rows and ``dilation * (J // 2)``
    columns, so that the result is [B, ceil(H / stride), ceil(W / stride), C], in the dtype of both
    arguments. Numbers of less than float32 are summed in float32. The gradient is custom;
    forward-mode differentiation works on top of it, not in place of it: ``jvp`` of ``grad``.
    Raises ValueError for an even kernel side or shapes that do not fit, TypeError for two dtypes.
    """
    if w.ndim != 4 or w.shape[2:] != (1, x.shape[-1]) or w.shape[0] * w.shape[1] % 2 == 0:
        raise ValueError(
            f"depthwise_conv got a kernel of shape {w.shape} for an input of shape {x.shape}: "
            f"give [I, J, 1, {x.shape[-1]}] with odd I and J"
        )
    if x.dtype != w.dtype:
        raise TypeError(f"depthwise_conv got x {x.dtype} and w {w.dtype}: cast one to the other")
    return _convolve(x, _within_reach(w, x.shape[1:3], dilation), stride, dilation)


def depthwise_conv_reference(
    x: jax.Array, w: jax.Array, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """The same by XLA's grouped convolution."""
    return lax.conv_general_dilated(
        x,
        w,
        window_strides=(stride, stride),
        padding=[(dilation * (side // 2),) * 2 for side in w.shape[:2]],
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=x.shape[-1],
    )


def _within_reach(w: jax.Array, space: tuple[int, int], dilation: int) -> jax.Array:
    """Leave out the rows and columns of the kernel that only ever meet the padding."""
    for axis, size in enumerate(space):
        half = w.shape[axis] // 2
        reach = min(half, (size - 1) // dilation)
        w = lax.slice_in_dim(w, half - reach, half + reach + 1, axis=axis)
    return w


def _forward(x: jax.Array, w: jax.Array, stride: int, dilation: int) -> jax.Array:
    steps = {"stride": stride, "dilation": dilation}
    convolve = partial(shifts.convolve, **steps)
    if _worth_a_call(x, w, **steps):
        convolve = either(convolve, onednn.convolve)
    reference = partial(depthwise_conv_reference, **steps)
    return lax.platform_dependent(x, w, cpu=convolve, default=reference)


def _forward_and_save(
    x: jax.Array, w: jax.Array, stride: int, dilation: int
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return _forward(x, w, stride, dilation), (x, w)


def _gradients(
    stride: int, dilation: int, saved: tuple[jax.Array, jax.Array], g: jax.Array
) -> tuple[jax.Array, jax.Array]:
    steps = {"stride": stride, "dilation": dilation}

    def by_lax(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.vjp(partial(depthwise_conv_reference, **steps), x, w)[1](g)

    def on_cpu(x: jax.Array, w: jax.Array, g: jax.Array) -> tuple[jax.Array, jax.Array]:
        sides = w.shape[:2]
        of_x = partial(shifts.input_gradient, space=x.shape[1:3], **steps)
        of_w = partial(shifts.kernel_gradient, sides=sides, **steps)
        if _worth_a_call(x, w, **steps):
            of_x = either(of_x, onednn.input_gradient)
        if _worth_a_call(x, w, **steps) and math.prod(sides) >= _LEAST_KERNEL_OF_A_CALL:
            of_w = either(of_w, partial(onednn.kernel_gradient, sides=sides))
        return of_x(g, w), of_w(x, g)

    return lax.platform_dependent(*saved, g, cpu=on_cpu, default=by_lax)


def _worth_a_call(x: jax.Array, w: jax.Array, stride: int, dilation: int) -> bool:
    products = x.size * math.prod(w.shape[:2])
    return stride == dilation == 1 and worth_a_call(products, x.dtype)


_convolve = jax.custom_vjp(_forward, nondiff_argnums=(2, 3))
_convolve.defvjp(_forward_and_save, _gradients)
