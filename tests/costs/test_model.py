"""The cost of sizes, against counts by hand: soft and exact agree at odd sizes."""

import jax.numpy as jnp
import numpy as np
import pytest

from effjax.costs import CostModel, MeasuredWindow, WindowTaps

TIMES = np.asarray([[1.0, 2.0], [3.0, 5.0], [6.0, 9.0]])
# a square of 4 channels, a rectangle of 2, a band of 8
TERMS = (WindowTaps(4, 0, 0), WindowTaps(2, 1, 2), WindowTaps(8, None, 3))
MODEL = CostModel("params", TERMS, largest=[7, 5, 3, 9], fixed=100)


def test_taps_by_hand():
    assert MODEL.exact([3, 5, 1, 7]) == 100 + 4 * 9 + 2 * 5 + 8 * 7
    assert MODEL.reachable == (100 + 4 + 2 + 8, 100 + 4 * 49 + 2 * 15 + 8 * 9)
    assert isinstance(MODEL.exact([3, 5, 1, 7]), int)


def test_soft_is_exact_at_odd_sizes():
    sizes = [3, 5, 1, 7]
    assert MODEL.soft(jnp.asarray(sizes, jnp.float32)) == MODEL.exact(sizes)


@pytest.mark.parametrize(
    ("sizes", "ms"), [([1, 1], 1.0), ([5, 3], 9.0), ([2.0, 1.0], 2.0), ([2.0, 2.0], 2.75)]
)
def test_measured_windows_are_linear_between_odd_sizes(sizes, ms):
    term = MeasuredWindow(TIMES, (0, 1))
    np.testing.assert_allclose(term.soft(jnp.asarray(sizes, jnp.float32)), ms, rtol=1e-6)
    if all(isinstance(size, int) for size in sizes):
        assert term.exact(sizes) == ms
