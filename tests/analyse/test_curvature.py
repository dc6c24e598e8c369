"""Blocks of a network, and Gauss-Newton through gradients of our own."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from effjax.analyse.curvature import (
    blocks,
    largest_by_block,
    look_at_curvature,
    make_gauss_newton,
    masks_of_blocks,
)
from effjax.analyse.settings import MEASURES, Settings
from effjax.curvature.lanczos import eigenvalues, lanczos
from effjax.curvature.products import gauss_newton
from effjax.curvature.spectrum import signs


@pytest.mark.slow
def test_a_block_is_below_the_whole(subject):
    """By the interlacing of eigenvalues."""
    start, *_ = signs(jax.random.key(0), subject.hessian, 1)
    top = eigenvalues(lanczos(subject.hessian, start, 10), 1).values[0]
    found = largest_by_block(subject, masks_of_blocks(subject.params), start)
    assert found.keys() == {"body", "head", "norm"} == set(blocks(subject.params))
    values = [largest.values[0] for largest in found.values()]
    assert max(values) < top + 1e-3
    assert max(values) > 0.3 * top


@pytest.mark.slow
def test_traces_of_blocks_add_up(subject):
    found = look_at_curvature(subject, Settings(steps=4, draws=3))
    by_block = found.curves["by block"]
    assert by_block.keys() == {"body", "head", "norm"}
    total = sum(own["trace"] for own in by_block.values())
    assert total == pytest.approx(found.values["trace"], rel=1e-4)
    assert found.values["trace, head"] == by_block["head"]["trace"]
    assert by_block["head"]["parameters"] == 6 * 10 + 10
    assert by_block["head"]["error"] > 0


def test_one_block_is_the_whole():
    assert masks_of_blocks({"w": jnp.ones(3)}) == {}


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
