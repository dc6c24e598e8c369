"""Small kernels out of large ones."""

import jax.numpy as jnp
import numpy as np

from effjax.compress.elastic.kernels import (
    chosen_kernel,
    every_size,
    identity_matrices,
    middle,
    padded,
    sides_of,
)
from effjax.ops import depthwise_conv

RNG = np.random.default_rng(0)
SIZES = (3, 5, 7)


def test_identity_matrices_give_the_middle():
    kernel = RNG.standard_normal((7, 7, 1, 2))
    every = every_size(jnp.asarray(kernel), identity_matrices(SIZES, (7, 7)), SIZES)
    for size in SIZES:
        np.testing.assert_array_equal(every[size], middle(jnp.asarray(kernel), (size, size)))


def test_matrices_are_applied_one_after_another():
    kernel = RNG.standard_normal((1, 5, 1, 2))
    matrices = {"5to3": RNG.standard_normal((3, 3))}
    found = every_size(jnp.asarray(kernel), matrices, (3, 5))[3]
    want = matrices["5to3"] @ kernel[0, 1:4, 0]
    np.testing.assert_allclose(found[0, :, 0], want, rtol=1e-12)


def test_a_band_stays_a_band():
    assert sides_of(3, (1, 7)) == (1, 3)
    assert identity_matrices(SIZES, (1, 7))["7to5"].shape == (5, 5)


def test_a_padded_kernel_convolves_the_same():
    kernel = jnp.asarray(RNG.standard_normal((3, 3, 1, 2)))
    x = jnp.asarray(RNG.standard_normal((1, 9, 9, 2)))
    want = depthwise_conv(x, kernel)
    np.testing.assert_allclose(depthwise_conv(x, padded(kernel, (7, 7))), want, atol=1e-13)


def test_a_number_chooses_the_size():
    kernel = jnp.asarray(RNG.standard_normal((7, 7, 1, 2)))
    matrices = identity_matrices(SIZES, (7, 7))
    found = chosen_kernel(kernel, matrices, SIZES, jnp.asarray(0))
    np.testing.assert_array_equal(found, padded(middle(kernel, (3, 3)), (7, 7)))
