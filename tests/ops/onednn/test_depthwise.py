import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import depthwise_conv, depthwise_conv_reference, onednn, onednn_calls

pytestmark = pytest.mark.skipif(
    not onednn.available(), reason="calls are tried on Linux, x86-64 and two versions of jaxlib"
)


def test_the_three_maps_are_those_of_the_reference():
    rng = np.random.default_rng(0)
    x, w, g = (
        jnp.asarray(rng.standard_normal(shape), jnp.float32)
        for shape in ((2, 6, 5, 4), (3, 5, 1, 4), (2, 6, 5, 4))
    )
    y, pull = jax.vjp(depthwise_conv_reference, x, w)
    dx, dw = pull(g)

    @jax.jit
    def calls(x, w, g):
        return (
            onednn.depthwise(x, w),
            onednn.depthwise_input_gradient(g, w),
            onednn.depthwise_kernel_gradient(x, g, (3, 5)),
        )

    for found, expected in zip(calls(x, w, g), (y, dx, dw), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


@pytest.mark.parametrize(
    ("shape", "side", "calls"),
    [
        ((8, 28, 28, 128), 3, 3),
        ((8, 14, 14, 320), 3, 2),  # the gradient of the kernel is faster by shifts
        ((8, 14, 14, 320), 5, 3),
    ],
)
def test_a_small_kernel_of_small_images_gets_its_gradient_by_shifts(shape, side, calls):
    x, w = jnp.zeros(shape), jnp.zeros((side, side, 1, shape[-1]))

    def both(x, w):
        y, pull = jax.vjp(depthwise_conv, x, w)
        return y, pull(y)

    with onednn_calls():
        text = jax.jit(both).lower(x, w).as_text()
    assert text.count("@__onednn$convolution") == calls


def test_a_kernel_as_wide_as_its_images_reaches_beyond_all_of_their_borders():
    rng = np.random.default_rng(1)
    x, g = (jnp.asarray(rng.standard_normal((3, 6, 7, 17)), jnp.float32) for _ in range(2))
    _, pull = jax.vjp(depthwise_conv_reference, x, jnp.zeros((11, 13, 1, 17)))
    _, expected = pull(g)
    found = jax.jit(lambda x, g: onednn.depthwise_kernel_gradient(x, g, (11, 13)))(x, g)
    np.testing.assert_allclose(found, expected, atol=1e-4)
