"""Searches whose answer is known: a teacher of sizes 3, 7, 11, and classes told apart by a lag."""

import jax
import numpy as np
import pytest

from tests.search.kernel_sizes.oracles import COARSE, FINE, TRUE, Lag, Teacher, Textures

SEEDS, STEPS = 5, 1200


@pytest.mark.slow
def test_the_teachers_sizes_are_found():
    search = Teacher()
    params, path = search.run(SEEDS, STEPS)
    np.testing.assert_array_equal(search.found(params), [TRUE] * SEEDS)
    assert np.all(np.asarray(path)[:, 0] > 10)  # it began near the largest


@pytest.mark.slow
def test_a_kernel_predictor_finds_them_too():
    """Random kernels are not smooth, so the implicit network fits them worse."""
    search = Teacher(kernels="implicit")
    params, _ = search.run(SEEDS, 1800)
    np.testing.assert_array_equal(search.found(params), [TRUE] * SEEDS)


@pytest.mark.slow
def test_a_ramp_that_starts_small_gets_stuck():
    """A compact mask shows the gradient no ring but the next one."""
    search = Teacher(sizes="free", start=1 / 6, hold=0, form="two_sided")
    params, _ = search.run(SEEDS, 1000)
    assert (search.found(params) == TRUE).all(1).sum() <= 2


@pytest.mark.slow
@pytest.mark.parametrize("needed", [3, 7, 11])
def test_lags(needed):
    """The energy rule keeps what the accuracy needs, and nothing is lost by it."""
    search = Lag(needed=needed)
    params, _ = search.run(3, 2000)
    for n, size in enumerate(search.found(params)[:, 0]):
        each = jax.tree.map(lambda leaf, n=n: leaf[n], params)
        assert size == needed
        soft = search.accuracy(each)
        assert soft > 0.97
        assert search.accuracy(each, size) > soft - 0.01


@pytest.mark.slow
def test_two_scales_in_two_stages():
    """3 x 3 on the fine map, 5 x 5 on the coarse one."""
    search = Textures()
    params, _ = search.run(10, 1500)
    found = search.found(params, "repaired")
    assert (found == (FINE, COARSE)).all(1).sum() >= 9
