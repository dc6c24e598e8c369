import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.ops import depthwise_conv_reference, onednn

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
