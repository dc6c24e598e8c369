"""The predictors at the start: equal sizes, orthogonal tokens, kernels of the right scale."""

import jax
import jax.numpy as jnp
import numpy as np

from effjax.search.kernel_sizes.predictors import (
    KernelPredictor,
    SizePredictor,
    orthogonal_tokens,
    to_sizes,
)
from effjax.search.kernel_sizes.sites import Site

SITES = (
    Site(("a",), "depthwise", ("square",), (5,), (5,), 16, 16, 32),
    Site(("b",), "depthwise", ("high", "wide"), (7, 3), (7, 3), 8, 8, 16),
)


def test_tokens_are_orthogonal():
    tokens = orthogonal_tokens(10)
    np.testing.assert_allclose(tokens @ tokens.T, np.eye(10), atol=1e-6)
    assert orthogonal_tokens(100).shape == (100, 64)


def test_all_sizes_start_alike_whatever_is_drawn():
    predictor = SizePredictor((0, 1, 1), conditional=True, width=8)
    for seed in range(2):
        variables = predictor.init(jax.random.key(seed), jnp.zeros(()))
        np.testing.assert_array_equal(predictor.apply(variables, jnp.float32(-1.0)), np.zeros(3))


def test_a_logit_of_zero_is_the_start():
    sizes = to_sizes(jnp.zeros(2), (9, 5), start=0.75)
    np.testing.assert_allclose(sizes, [1 + 0.75 * 8, 1 + 0.75 * 4], rtol=1e-6)


def test_kernels_have_the_shapes_of_their_sites_and_the_asked_scale():
    predictor = KernelPredictor(SITES, scale=0.1)
    rounded = [jnp.asarray([5]), jnp.asarray([7, 3])]
    kernels = predictor.apply(predictor.init(jax.random.key(0), rounded), rounded)
    assert [kernel.shape for kernel in kernels] == [(5, 5, 1, 32), (7, 3, 1, 16)]
    for kernel in kernels:
        assert 0.03 < float(kernel.std()) < 0.3
