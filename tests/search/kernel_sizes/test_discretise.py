"""The energy rule and the repair, on kernels whose energies are written down."""

import numpy as np
import pytest

from effjax.search.kernel_sizes.discretise import energy_sizes, repair, ring_energies
from effjax.search.kernel_sizes.sites import Site

SQUARE = Site(("x",), "depthwise", ("square",), (5,), (5,), 16, 16, 2)
BAND = Site(("x",), "depthwise", ("high",), (7,), (7,), 16, 16, 2)
BOTH = Site(("x",), "depthwise", ("high", "wide"), (5, 3), (5, 3), 16, 16, 2)


def test_ring_energies_are_shares():
    kernel = np.zeros((5, 5, 1, 2))
    kernel[2, 2], kernel[1, 2], kernel[4, 0, 0, 0] = 3.0, 1.0, 2.0
    energies = ring_energies(SQUARE, kernel)
    assert len(energies) == 1
    np.testing.assert_allclose(energies[0], np.asarray([18, 2, 4]) / 24)


def test_a_height_and_a_width_have_rings_of_their_own():
    kernel = np.zeros((5, 3, 1, 1))
    kernel[2, 1], kernel[0, 1], kernel[2, 0] = 1.0, 2.0, 3.0
    high, wide = ring_energies(BOTH, kernel)
    np.testing.assert_allclose(high, np.asarray([10, 0, 4]) / 14)
    np.testing.assert_allclose(wide, np.asarray([5, 9]) / 14)


@pytest.mark.parametrize(
    ("energies", "size"),
    [
        ([0.5, 0.5, 0, 0], 3),
        ([0.989, 0.0015, 0.0095, 0], 3),
        ([1, 0, 0, 0], 1),
        ([0.2, 0.2, 0.2, 0.4], 7),
    ],
)
def test_energy_rule(energies, size):
    assert energy_sizes([np.asarray(energies)]) == [size]


def test_a_dead_kernel_keeps_one_tap():
    assert energy_sizes(ring_energies(BAND, np.zeros((7, 1, 1, 2)))) == [1]


def squares(sizes):
    return sum(size**2 for size in sizes)


ENERGIES = [np.asarray([0.9, 0.05, 0.05]), np.asarray([0.4, 0.3, 0.3])]


def test_repair_takes_the_ring_with_the_least_energy():
    assert repair([5, 5], ENERGIES, squares, budget=34) == [3, 5]
    assert repair([5, 5], ENERGIES, squares, budget=27) == [1, 5]


def test_repair_gives_back_what_fits():
    assert repair([1, 1], ENERGIES, squares, budget=30) == [1, 5]
    assert repair([1, 1], [np.asarray([1.0, 0, 0])] * 2, squares, budget=50) == [1, 1]


@pytest.mark.parametrize(("budget", "sizes"), [(10, [1, 3]), (30, [3, 3]), (34, [3, 5])])
def test_repair_fills_the_budget_in_the_order_of_soft_sizes(budget, sizes):
    energies = [np.asarray([1.0, 0, 0])] * 2
    assert repair([1, 1], energies, squares, budget, soft=[1.0, 2.9]) == sizes


def test_repair_never_exceeds_the_budget():
    rng = np.random.default_rng(0)
    for budget in rng.integers(5, 120, 40):
        energies = [e / e.sum() for e in rng.random((5, 3))]
        sizes = repair(rng.choice([1, 3, 5], 5), energies, squares, budget)
        assert squares(sizes) <= budget
        grown = [[*sizes[:n], sizes[n] + 2, *sizes[n + 1 :]] for n in range(5) if sizes[n] < 5]
        assert all(squares(g) > budget for g in grown)


def test_repair_of_an_impossible_budget():
    with pytest.raises(ValueError, match="more than the budget"):
        repair([3, 3], ENERGIES, squares, budget=1)
