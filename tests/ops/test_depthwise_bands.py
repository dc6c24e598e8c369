"""Depthwise convolution by banded matrices against XLA's grouped convolution."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from effjax.ops import depthwise_bands, depthwise_conv, depthwise_conv_reference, traced_for

# space, kernel, channels
CASES = [
    ((8, 6), (7, 7), 5),  # all rows are one block
    ((56, 56), (7, 7), 2),  # two rows a block: five blocks meet
    ((28, 28), (7, 7), 2),  # four: three blocks
    ((9, 64), (3, 5), 1),  # one row: 9 is odd; a single channel
    ((12, 30), (9, 1), 3),
    ((7, 5), (1, 9), 4),
    ((6, 130), (5, 5), 2),  # a row is more than the lanes
]


def draw(space, kernel, channels, batch=2):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((batch, *space, channels)), rng.standard_normal((*kernel, channels))
    return x.astype(np.float32), w[:, :, None].astype(np.float32)


def value_and_gradients(convolve, x, w):
    """The result, and both gradients for a cotangent that differs at every place."""
    y, pull = jax.vjp(convolve, x, w)
    return y, *pull(jnp.cos(y))


def assert_close(got, expected, bound):
    """Within `bound` of the largest number of each array."""
    for one, other in zip(got, expected, strict=True):
        one, other = np.asarray(one, np.float32), np.asarray(other, np.float32)
        np.testing.assert_allclose(one, other, rtol=0, atol=bound * np.abs(other).max())


@pytest.mark.parametrize(("space", "kernel", "channels"), CASES, ids=str)
def test_value_and_gradients_are_those_of_the_reference(space, kernel, channels):
    x, w = draw(space, kernel, channels)
    got = jax.jit(partial(value_and_gradients, depthwise_bands.convolve))(x, w)
    expected = jax.jit(partial(value_and_gradients, depthwise_conv_reference))(x, w)
    assert_close(got, expected, 1e-5)


def test_bfloat16_is_summed_in_float32():
    """Each result is the exact one, rounded once."""
    x, w = (jnp.asarray(a, jnp.bfloat16) for a in draw((28, 28), (7, 7), 2))
    y, pull = jax.vjp(depthwise_bands.convolve, x, w)
    wide = [a.astype(jnp.float32) for a in (x, w)]
    exact, pull_exact = jax.vjp(depthwise_conv_reference, *wide)
    g = jnp.cos(y)
    for got, expected in zip((y, *pull(g)), (exact, *pull_exact(g.astype(jnp.float32)))):
        assert got.dtype == jnp.bfloat16
        atol = 1e-5 * np.abs(expected).max()
        np.testing.assert_allclose(np.asarray(got, np.float32), expected, rtol=2**-8, atol=atol)


def grouped(shape, kernel, *steps, dtype=jnp.bfloat16, platform="tpu"):
    """Whether the program for one convolution has one in groups."""
    x = jax.ShapeDtypeStruct(shape, dtype)
    w = jax.ShapeDtypeStruct((*kernel, 1, shape[-1]), dtype)
    with traced_for(platform):
        lowered = jax.jit(lambda x, w: depthwise_conv(x, w, *steps)).trace(x, w)
    return f"feature_group_count={shape[-1]}" in str(lowered.jaxpr)


def test_a_tpu_takes_bands_for_large_kernels_on_large_maps():
    assert not grouped((2, 56, 56, 8), (7, 7))
    assert not grouped((2, 28, 28, 8), (7, 7))


@pytest.mark.parametrize(
    "case",
    [
        {"platform": "gpu"},
        {"platform": "any"},
        {"dtype": jnp.float32},
        {"shape": (2, 14, 14, 8)},
        {"shape": (2, 29, 29, 8)},  # rows of 29 alone would fill no lanes
        {"shape": (2, 130, 130, 8)},  # and rows of 130 more than there are
        {"kernel": (5, 5)},
    ],
    ids=str,
)
def test_else_it_is_the_plain_convolution(case):
    assert grouped(**({"shape": (2, 28, 28, 8), "kernel": (7, 7)} | case))


@pytest.mark.parametrize("steps", [(2, 1), (1, 2)], ids=["stride", "dilation"])
def test_a_stride_or_a_dilation_is_left_to_the_plain_convolution(steps):
    assert grouped((2, 28, 28, 8), (7, 7), *steps)


def test_batch_over_a_mesh_of_eight():
    x, w = draw((12, 12), (7, 7), 3, batch=16)
    mesh = jax.make_mesh((8,), ("data",))
    split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("data",), ()))
    run = jax.jit(
        partial(value_and_gradients, depthwise_bands.convolve),
        in_shardings=(split, whole),
        out_shardings=(split, split, whole),
    )
    program = run.lower(x, w).compile()
    assert "all-gather" not in program.as_text()
    expected = value_and_gradients(depthwise_conv_reference, x, w)
    placed = jax.device_put((x, w), (split, whole))
    assert_close(jax.block_until_ready(program(*placed)), expected, 1e-5)


def test_bands_hold_each_value_of_the_kernel_as_often_as_two_cells_meet_by_it():
    """Of 8 x 6 cells a tap that is i down and j across finds (8 - i) (6 - j) pairs."""
    _, w = draw((8, 6), (3, 5), 1)
    bands = depthwise_bands._bands(jnp.ones_like(w), (1, 8, 6, 1))
    pairs = [(8 - abs(i)) * (6 - abs(j)) for i in (-1, 0, 1) for j in (-2, -1, 0, 1, 2)]
    assert bands.shape[2:] == (48, 48)
    assert float(bands.sum()) == math.fsum(pairs)
