"""The eigenvalue of a known Hessian, and the entry at which a search is stopped."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.search.cells.collapse import largest_eigenvalue, stop_place
from effjax.search.cells.options import BilevelConfig

SCALES = np.array([1.0, 3.0, 2.0], np.float32)


def test_the_largest_eigenvalue_of_a_mean_of_chunks():
    def loss(alphas, factor):
        return factor * (jnp.asarray(SCALES) * alphas**2).sum() / 2

    # (1 * 1 + 3 * 5) / 4 times the scales
    chunks = [(1.0, 1.0), (5.0, 3.0)]
    found = largest_eigenvalue(loss, jnp.ones(3), chunks)
    assert found == pytest.approx(4 * SCALES.max(), rel=1e-5)


SKIPS = [2, 0, 0, 2]


def test_skips_end_a_search_but_not_before_its_first_epoch():
    options = BilevelConfig(stop="skips")
    assert stop_place(options, [np.nan] * 4, SKIPS) == 3
    assert stop_place(options, [np.nan] * 3, SKIPS[:3]) is None


def test_the_answer_is_that_from_before_the_rise():
    options = BilevelConfig(stop="eigenvalue", stop_window=1)
    assert stop_place(options, [1.0, 1.0, 4.0, 4.0], SKIPS) == 1
