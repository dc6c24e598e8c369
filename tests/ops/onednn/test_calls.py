"""Calls into oneDNN: the same numbers as XLA's own forms, and made only where they can be."""

import re
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from effjax.ops import (
    conv,
    conv_reference,
    depthwise_conv,
    depthwise_conv_reference,
    matrix_product,
    onednn_calls,
)
from effjax.ops.onednn import calls as onednn

TARGET = "__onednn$"


@pytest.fixture(autouse=True)
def every_size_is_worth_a_call(monkeypatch):
    monkeypatch.setattr(onednn, "_LEAST_PRODUCTS", 0)


needs_calls = pytest.mark.skipif(
    not onednn.available(), reason="calls are tried on Linux, x86-64 and two versions of jaxlib"
)


def draw(*shapes, dtype=np.float32):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.standard_normal(shape), dtype) for shape in shapes]


def run(op, *args, calls):
    """Result and gradients for a cotangent that differs at every place; the lowered text."""

    def both(*args):
        y, pull = jax.vjp(op, *args)
        return y, *pull(jnp.cos(y))

    with onednn_calls(calls):
        lowered = jax.jit(both).lower(*args)
    return lowered.compile()(*args), lowered.as_text()


def assert_same(op, reference, *args, bound=1e-5):
    got, text = run(op, *args, calls=True)
    assert TARGET in text
    expected, text = run(reference, *args, calls=False)
    assert TARGET not in text
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        np.testing.assert_allclose(one, other, rtol=0, atol=bound * max(1, np.abs(other).max()))


def test_versions_tried_are_those_that_are_pinned():
    """A new pin has to be tried here: a call that is not understood ends the process."""
    constraints = Path(__file__).parents[3] / "constraints.txt"
    pinned = re.findall(r"^jaxlib==([\d.]+)", constraints.read_text(), re.MULTILINE)
    assert sorted(pinned) == sorted(onednn._TRIED)


# space, kernel, channels
DEPTHWISE = [
    ((9, 7), (3, 5), 6),
    ((5, 4), (7, 7), 16),
    ((1, 1), (3, 3), 8),
    ((6, 33), (1, 11), 5),
    ((9, 8), (3, 3), 32),
    ((13, 2), (11, 1), 17),
    ((57, 56), (7, 7), 16),
]


@needs_calls
@pytest.mark.parametrize("case", DEPTHWISE, ids=str)
def test_depthwise_convolution(case):
    space, kernel, channels = case
    args = draw((2, *space, channels), (*kernel, 1, channels))
    assert_same(depthwise_conv, depthwise_conv_reference, *args)


@needs_calls
def test_depthwise_convolution_of_bfloat16_is_summed_in_float32():
    args = draw((2, 16, 15, 6), (7, 7, 1, 6), dtype=jnp.bfloat16)
    wide = [a.astype(jnp.float32) for a in args]
    with onednn_calls():  # one program an operation: jit would skip some rounding
        y, pull = jax.vjp(depthwise_conv, *args)
        gradients = pull(jnp.cos(y))
    exact, pull = jax.vjp(depthwise_conv_reference, *wide)
    expected = (exact, *pull(jnp.cos(y).astype(jnp.float32)))
    for got, wanted in zip((y, *gradients), expected, strict=True):
        assert got.dtype == jnp.bfloat16
        np.testing.assert_allclose(
            np.asarray(got, np.float32), wanted, rtol=2**-8, atol=1e-5 * np.abs(wanted).max()
        )


@needs_calls
@pytest.mark.parametrize("shapes", [((33, 5), (5, 17)), ((2, 3, 9, 5), (2, 3, 5, 8))])
def test_matrix_product(shapes):
    assert_same(matrix_product, jnp.matmul, *draw(*shapes))


@needs_calls
@pytest.mark.parametrize(
    ("size", "kernel", "stride", "pad"),
    [
        (13, (7, 7), (4, 4), (2, 2)),
        (12, (3, 3), (2, 2), (1, 1)),
        (9, (4, 2), (4, 3), (0, 1)),
        (9, (3, 3), (1, 1), (1, 1)),
        (8, (3, 1), (1, 1), (0, 0)),
        (7, (4, 5), (1, 1), (2, 1)),
        (10, (3, 3), (2, 1), (1, 1)),
    ],
)
def test_convolution(size, kernel, stride, pad):
    ways = (partial(op, stride=stride, pad=pad) for op in (conv, conv_reference))
    assert_same(*ways, *draw((2, size, size + 2, 3), (*kernel, 3, 8)))


@needs_calls
def test_padding_as_wide_as_the_kernel_is_left_to_xla():
    op = partial(conv, stride=(1, 1), pad=(3, 0))
    _, text = run(op, *draw((1, 6, 6, 3), (3, 3, 3, 4)), calls=True)
    assert TARGET not in text


@needs_calls
def test_second_derivatives():
    """Reverse over reverse, and forward over reverse, of a product of all three kinds."""

    def loss(args):
        x, w, v, m = args
        y = depthwise_conv(conv(x, w, (2, 2), (1, 1)), v)
        return jnp.sin(matrix_product(y.reshape(-1, 8), m)).sum()

    args = tuple(draw((2, 11, 10, 3), (3, 3, 3, 8), (3, 3, 1, 8), (8, 5)))
    along = tuple(jnp.flip(a) for a in args)

    def second(args):
        forward = jax.jvp(jax.grad(loss), (args,), (along,))[1]
        product = lambda args: sum(map(jnp.vdot, jax.grad(loss)(args), along))  # noqa: E731
        return forward, jax.grad(product)(args)

    with onednn_calls():
        lowered = jax.jit(second).lower(args)
    assert TARGET in lowered.as_text()
    got, expected = lowered.compile()(args), jax.jit(second)(args)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-4 * np.abs(b).max()),
        got,
        expected,
    )


@needs_calls
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_vmap(axes):
    args = [
        a if axis is None else jnp.stack([a, 2 * a, a - 1])
        for a, axis in zip(draw((2, 6, 5, 6), (3, 5, 1, 6)), axes, strict=True)
    ]
    assert_same(jax.vmap(depthwise_conv, axes), jax.vmap(depthwise_conv_reference, axes), *args)


def text_over_a_mesh(devices):
    mesh = jax.make_mesh((devices,), ("data",), devices=jax.devices()[:devices])
    split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("data",), ()))
    args = draw((16, 6, 5, 6), (3, 5, 1, 6))
    with onednn_calls():
        return jax.jit(depthwise_conv, in_shardings=(split, whole)).lower(*args).as_text()


@needs_calls
def test_a_program_that_is_cut_over_devices_makes_no_call():
    """XLA's partitioner would gather the whole input of one."""
    assert TARGET in text_over_a_mesh(1)
    assert TARGET not in text_over_a_mesh(8)


@needs_calls
def test_each_device_of_a_pmap_makes_its_own_call():
    x, w = draw((8, 2, 6, 5, 6), (3, 5, 1, 6))
    with onednn_calls():
        lowered = jax.pmap(depthwise_conv, in_axes=(0, None)).lower(x, w)
    assert TARGET in lowered.as_text()
    expected = depthwise_conv_reference(x.reshape(16, 6, 5, 6), w).reshape(x.shape)
    np.testing.assert_allclose(lowered.compile()(x, w), expected, atol=1e-5)


@pytest.mark.parametrize("steps", [{"stride": 2}, {"dilation": 2}], ids=str)
def test_stride_and_dilation_are_left_to_xla(steps):
    """oneDNN writes beyond its memory with both, in some shapes; the gradients have both."""
    op = partial(depthwise_conv, **steps)
    assert TARGET not in run(op, *draw((2, 9, 8, 16), (3, 5, 1, 16)), calls=True)[1]


def test_float64_is_left_to_xla():
    with jax.enable_x64(True):
        args = draw((2, 6, 5, 6), (3, 5, 1, 6), dtype=np.float64)
        assert TARGET not in run(depthwise_conv, *args, calls=True)[1]


def test_no_calls_where_none_are_asked_for():
    args = draw((64, 64), (64, 64))
    assert TARGET not in jax.jit(matrix_product).lower(*args).as_text()
    with onednn_calls(), onednn_calls(False):
        assert TARGET not in jax.jit(lambda a, b: matrix_product(a, b)).lower(*args).as_text()
