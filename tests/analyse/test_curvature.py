"""Blocks of a network, and Gauss-Newton through gradients of our own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.analyse.curvature import blocks, by_block, make_gauss_newton
from effjax.analyse.settings import MEASURES
from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.products import gauss_newton
from effjax.curvature.spectrum import signs


@pytest.mark.slow
def test_a_block_is_below_the_whole(subject):
    """By the interlacing of eigenvalues."""
    start, *_ = signs(jax.random.key(0), subject.hessian, 1)
    top = eigenvalues(lanczos(subject.hessian, start, 10), 1).values[0]
    found = by_block(subject, start)
    assert found.keys() == {"body", "head", "norm"} == set(blocks(subject.params))
    assert all(value < top + 1e-3 for value in found.values())
    assert max(found.values()) > 0.3 * top


def test_gauss_newton_is_positive(subject):
    psd = make_gauss_newton(subject)
    start, *_ = signs(jax.random.key(0), psd, 1)
    assert eigenvalues(lanczos(psd, start, 6), 1, "bottom").values[0] > -1e-4


def test_operations_with_gradients_of_their_own_have_a_gauss_newton_matrix():
    """They have no forward mode, as the depthwise convolution of `ops`."""

    @jax.custom_vjp
    def doubled(x):
        return 2 * x

    doubled.defvjp(lambda x: (2 * x, None), lambda _, g: (2 * g,))
    psd = gauss_newton(
        lambda w, x: doubled(w) * x, lambda y, x: (y**2).sum() / 2, jnp.ones(3), [(jnp.ones(3), 1)]
    )
    np.testing.assert_allclose(psd.product(jnp.arange(3.0)), 4 * jnp.arange(3.0))


def test_every_measure_says_what_it_is():
    from effjax.analyse import face

    assert set(face.USUAL) < set(MEASURES)
    with pytest.raises(Exception, match="no measure"):
        face.check_names(["nothing"])
