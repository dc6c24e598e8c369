"""Calls into oneDNN, which jaxlib brings along for x86: convolutions and matrix products on a CPU.

XLA writes such calls itself under a flag that JAX's programs do not pass. It is no public
interface, and a call that is not understood ends the process, so calls are made only by versions
of jaxlib that have been tried. A program with a call is not kept in JAX's compilation cache: that
costs seconds at every start, so calls are made only where they are asked for (`onednn_calls`).
"""

import contextlib
import contextvars
import json
import platform
import sys
from collections.abc import Callable, Iterator, Sequence

import jax
import jax.numpy as jnp
import jaxlib
from jax import Array

from effjax.ops.onednn.one_cpu import on_one_cpu

# Versions of jaxlib, see tests/ops/onednn/test_calls.py
_TRIED = ("0.10.2", "0.11.2")
# Multiply-adds. A call costs some 20 microseconds, which fewer of them do not earn back.
_LEAST_PRODUCTS = 2**22

# Read while a function is traced, which may be in another thread: a context variable.
_wanted = contextvars.ContextVar("onednn_calls", default=False)

Pair = tuple[Array, Array]
Map = Callable[[Array, Array], Array]


@contextlib.contextmanager
def onednn_calls(wanted: bool = True) -> Iterator[None]:
    """Programs traced inside call oneDNN where one CPU device runs them and it is faster.

    A jitted function that was traced before stays as it was.
    """
    token = _wanted.set(wanted)
    try:
        yield
    finally:
        _wanted.reset(token)


def available() -> bool:
    """Whether this machine and this version of jaxlib have it."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return False
    return jaxlib.__version__ in _TRIED


def large_enough(products: int, dtype: jnp.dtype) -> bool:
    """Whether calls are wanted, and so many multiply-adds of this type are worth one."""
    if not _wanted.get() or not available():
        return False
    # float64 would lose digits: calls are made in float32
    fits = jnp.promote_types(dtype, jnp.float32) == jnp.float32
    return fits and products >= _LEAST_PRODUCTS


def xla_or_onednn(plain: Map, call: Map) -> Map:
    """A map that is linear in each of two arrays, in XLA's terms and as a call.

    Derivatives of it are made of the plain form.
    """

    @jax.custom_jvp
    def product(a: Array, b: Array) -> Array:
        return on_one_cpu(a, b, on_cpu=call, fallback=plain)

    @product.defjvp
    def derivative(
        at: tuple[Array, Array],
        along: tuple[Array, Array],
    ) -> tuple[Array, Array]:
        a, b = at
        a_dot, b_dot = along
        # the product rule
        return product(a, b), plain(a_dot, b) + plain(a, b_dot)

    return product


def with_gradients(
    output: Map,
    of_first: Map,
    of_second: Map,
) -> Map:
    """output(a, b), whose gradients are of_first(g, b) and of_second(a, g)."""

    def forward(a: Array, b: Array) -> tuple[Array, Pair]:
        return output(a, b), (a, b)

    def backward(saved: Pair, g: Array) -> Pair:
        a, b = saved
        return of_first(g, b), of_second(a, g)

    function = jax.custom_vjp(output)
    function.defvjp(forward, backward)
    return function


def matmul(
    a: Array,
    b: Array,
    transpose_a: bool = False,
    transpose_b: bool = False,
) -> Array:
    """[..., M, K] times [..., K, N], either one transposed if asked; in float32."""
    config = {"transpose_a": transpose_a, "transpose_b": transpose_b}
    rows = a.shape[-1 if transpose_a else -2]
    columns = b.shape[-2 if transpose_b else -1]
    shape = (*a.shape[:-2], rows, columns)
    call = _call("matmul", {"onednn_matmul_config": config}, shape)
    return call(a, b)


def convolution(
    x: Array,
    w: Array,
    stride: Sequence[int],
    pad: Sequence[int],
    groups: int = 1,
) -> Array:
    """[B, Y, X, O] of ``x`` [B, H, W, C], ``pad`` zeros around it, and ``w`` [I, J, C/groups, O].

    In float32. Kernels are not spread: with that, and a stride, oneDNN wrote beyond its memory.
    """
    sizes = zip(x.shape[1:3], pad, w.shape[:2], stride)
    space = [(n + 2 * p - k) // s + 1 for n, p, k, s in sizes]
    # the layout of XLA's convolutions, as oneDNN's own names
    images = {"data": {"batch_dim": 0, "feature_dim": 3, "spatial_dims": [1, 2]}}
    kernel = {"output_feature_dim": 3, "input_feature_dim": 2, "spatial_dims": [0, 1]}
    window = {
        "size": w.shape[:2],
        "pad_left": pad,
        "pad_right": pad,
        "strides": stride,
        "window_dilations": [1, 1],
    }
    config = {
        "dims": 4,
        "input": images,
        "kernel": {"filter": kernel},
        "output": images,
        "window": window,
        "feature_groups": groups,
    }
    shape = (x.shape[0], *space, w.shape[3])
    call = _call("convolution", {"onednn_conv_config": config}, shape)
    return call(x, w)


def _call(
    name: str,
    config: dict[str, object],
    shape: tuple[int, ...],
) -> Map:
    # XLA's own target; its config is not part of the public interface
    call = jax.ffi.ffi_call(
        f"__onednn${name}",
        jax.ShapeDtypeStruct(shape, jnp.float32),
        vmap_method="sequential",
        custom_call_api_version=2,
        legacy_backend_config=json.dumps(config),
    )

    def in_float32(a: Array, b: Array) -> Array:
        return call(a.astype(jnp.float32), b.astype(jnp.float32))

    return in_float32
