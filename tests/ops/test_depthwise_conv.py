"""Depthwise convolution against XLA's grouped convolution: values, derivatives, transformations."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec

from effjax.ops import depthwise_conv, depthwise_conv_reference

# space, kernel, stride, dilation
CASES = [
    ((9, 7), (3, 5), 1, 1),
    ((8, 17), (7, 7), 1, 1),
    ((5, 4), (7, 7), 1, 1),  # the kernel is larger than the map
    ((1, 1), (3, 3), 1, 1),
    ((6, 33), (1, 11), 1, 1),
    ((13, 2), (11, 1), 1, 1),
    ((9, 8), (3, 3), 2, 1),
    ((10, 3), (5, 1), 3, 1),
    ((12, 11), (3, 5), 1, 2),
    ((9, 8), (3, 5), 2, 3),
    ((14, 15), (13, 13), 1, 1),  # several passes; a gradient row by row
    ((14, 15), (13, 11), 2, 1),
    ((30, 29), (11, 13), 1, 2),
]


def draw(space, kernel, channels=6, dtype=np.float64, batch=2):
    rng = np.random.default_rng(0)
    x, w = rng.standard_normal((batch, *space, channels)), rng.standard_normal((*kernel, channels))
    return x.astype(dtype), w[:, :, None].astype(dtype)


def value_and_gradients(op, x, w, stride=1, dilation=1):
    """The result, and both gradients for a cotangent that differs at every place."""
    y, pull = jax.vjp(partial(op, stride=stride, dilation=dilation), x, w)
    return y, *pull(jnp.cos(y))


def assert_close(got, expected, bound):
    """Within `bound` of the largest number of each array, with the same dtype."""
    for one, other in zip(got, expected, strict=True):
        assert one.dtype == other.dtype
        one, other = np.asarray(one, np.float64), np.asarray(other, np.float64)
        np.testing.assert_allclose(one, other, rtol=0, atol=bound * max(1, np.abs(other).max()))


@pytest.mark.parametrize("case", CASES, ids=str)
@pytest.mark.parametrize(
    ("dtype", "bound"),
    [(np.float64, 1e-12), pytest.param(np.float32, 1e-5, marks=pytest.mark.slow)],
)
def test_value_and_gradients_are_those_of_the_reference(case, dtype, bound):
    space, kernel, stride, dilation = case
    with jax.enable_x64(dtype == np.float64):
        x, w = draw(space, kernel, dtype=dtype)
        run = jax.jit(value_and_gradients, static_argnums=(0, 3, 4))
        got = run(depthwise_conv, x, w, stride, dilation)
        assert_close(got, run(depthwise_conv_reference, x, w, stride, dilation), bound)


def test_definition_cell_by_cell():
    """Zero padding of half the kernel, cross-correlation, also where a stride skips cells."""
    with jax.enable_x64(True):
        x, w = draw((7, 6), (3, 5))
        padded = np.pad(x, ((0, 0), (2, 2), (4, 4), (0, 0)))
        expected = np.zeros((2, 3, 2, 6))
        for row, column in np.ndindex(3, 2):
            window = padded[:, 3 * row : 3 * row + 5 : 2, 3 * column : 3 * column + 9 : 2]
            expected[:, row, column] = (window * w[None, :, :, 0]).sum((1, 2))
        np.testing.assert_allclose(depthwise_conv(x, w, 3, 2), expected, atol=1e-12)


@pytest.mark.parametrize(("space", "kernel"), [((6, 5), (3, 3)), ((6, 7), (11, 13))])
def test_channels_that_are_stored_with_more_beside_them(space, kernel):
    """On the CPU 256 channels get some neighbours, which must not show in any path."""
    x, w = draw(space, kernel, channels=256, dtype=np.float32)
    run = jax.jit(value_and_gradients, static_argnums=0)
    got = run(depthwise_conv, x, w)
    assert_close(got, run(depthwise_conv_reference, x, w), 1e-5)


@pytest.mark.parametrize("stride", [1, 2])
def test_bfloat16_is_summed_in_float32(stride):
    """Each result is the exact one, rounded once."""
    x, w = (jnp.asarray(a, jnp.bfloat16) for a in draw((16, 15), (7, 7)))
    y, dx, dw = value_and_gradients(depthwise_conv, x, w, stride)
    wide = [a.astype(jnp.float32) for a in (x, w)]
    exact, pull = jax.vjp(partial(depthwise_conv_reference, stride=stride), *wide)
    for got, expected in zip((y, dx, dw), (exact, *pull(jnp.cos(y).astype(jnp.float32)))):
        assert got.dtype == jnp.bfloat16
        np.testing.assert_allclose(
            np.asarray(got, np.float32), expected, rtol=2**-8, atol=1e-5 * np.abs(expected).max()
        )


@pytest.mark.parametrize(
    ("kernel", "stride"), [((3, 5), 1), pytest.param((3, 3), 2, marks=pytest.mark.slow)]
)
def test_second_derivatives(kernel, stride):
    """Reverse over reverse, and forward over reverse, along one direction."""
    with jax.enable_x64(True):
        x, w = draw((6, 5), kernel)

        def both(op):
            gradient = jax.grad(lambda p: jnp.sin(op(*p, stride)).sum())
            directions = (x[::-1], w[::-1])
            forward = jax.jvp(gradient, ((x, w),), (directions,))[1]
            product = lambda p: sum(map(jnp.vdot, gradient(p), directions))  # noqa: E731
            return *forward, *jax.grad(product)((x, w))

        got, expected = (jax.jit(both, static_argnums=0)(op) for op in OPS)
        assert_close(got, expected, 1e-12)


OPS = (depthwise_conv, depthwise_conv_reference)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_vmap_with_kernels_of_each_member(axes):
    with jax.enable_x64(True):
        x, w = draw((6, 5), (3, 5))
        args = tuple(
            a if axis is None else np.stack([a, 2 * a, a - 1]) for a, axis in zip((x, w), axes)
        )
        got, expected = (
            jax.jit(jax.vmap(partial(value_and_gradients, op), in_axes=axes))(*args) for op in OPS
        )
        assert_close(got, expected, 1e-12)


def test_large_kernels_under_vmap():
    x, w = draw((14, 13), (13, 11), dtype=np.float32)
    args = np.stack([x, -x]), np.stack([w, w + 1])
    got, expected = (jax.jit(jax.vmap(partial(value_and_gradients, op)))(*args) for op in OPS)
    assert_close(got, expected, 1e-5)


@pytest.mark.parametrize("kernel", [(3, 5), (13, 11)])
def test_batch_over_a_mesh_of_eight(kernel):
    x, w = draw((14, 13), kernel, dtype=np.float32, batch=16)
    mesh = jax.make_mesh((8,), ("data",))
    split, whole = (NamedSharding(mesh, PartitionSpec(*axes)) for axes in (("data",), ()))
    run = jax.jit(
        partial(value_and_gradients, depthwise_conv),
        in_shardings=(split, whole),
        out_shardings=(split, split, whole),
    )
    program = run.lower(x, w).compile()
    text = program.as_text()
    assert "all-gather" not in text
    assert "collective-permute" not in text
    expected = value_and_gradients(depthwise_conv_reference, x, w)
    assert_close(
        jax.block_until_ready(program(*jax.device_put((x, w), (split, whole)))), expected, 1e-5
    )


def test_pmap():
    x, w = draw((6, 5), (3, 5), dtype=np.float32, batch=16)
    pieces = x.reshape(8, 2, *x.shape[1:])

    def run(x, w):
        y, dx, dw = value_and_gradients(depthwise_conv, x, w)
        return y, dx, jax.lax.psum(dw, "devices")

    y, dx, dw = jax.block_until_ready(jax.pmap(run, "devices", in_axes=(0, None))(pieces, w))
    expected = value_and_gradients(depthwise_conv_reference, x, w)
    assert_close((y.reshape(x.shape), dx.reshape(x.shape), dw[0]), expected, 1e-5)


@pytest.mark.parametrize("shape", [(4, 3, 1, 6), (3, 3, 1, 5), (3, 3, 6), (3, 3, 6, 1)])
def test_kernel_that_does_not_fit_is_refused(shape):
    with pytest.raises(ValueError, match="give \\[I, J, 1, 6\\] with odd I and J"):
        depthwise_conv(jnp.zeros((1, 5, 5, 6)), jnp.zeros(shape))


def test_two_dtypes_are_refused():
    with pytest.raises(TypeError, match="bfloat16 and w float32: cast one to the other"):
        depthwise_conv(jnp.zeros((1, 5, 5, 6), jnp.bfloat16), jnp.zeros((3, 3, 1, 6)))
