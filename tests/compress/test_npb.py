"""The integer programme of a layer."""

import numpy as np
import pytest

from effjax.compress.npb import balance, best_paths, largest_taps, objective


def test_the_optimum_is_that_of_all_masks():
    paths_in = np.array([4.0, 1.0])
    kept, value = balance(paths_in, outputs=2, taps=3, most=2, alpha=0.3, beta=0.5)
    best = max(
        objective(np.array(cells).reshape(2, 2), paths_in, 3, 2, 0.3, 0.5)
        for cells in np.ndindex(3, 3, 3, 3)
        if sum(cells) <= 3
    )
    assert value == pytest.approx(best)
    assert kept.sum() <= 3


def test_the_best_paths_fill_the_inputs_that_most_reach():
    paths_in = np.array([1.0, 5.0, 2.0])
    assert best_paths(paths_in, taps=5, outputs=2, most=2) == 5 * 4 + 2 * 1
    # fewer taps than one input takes: the authors' slice is then the whole array
    assert best_paths(paths_in, taps=3, outputs=2, most=2) == 5 * 3
    assert best_paths(paths_in, taps=3, outputs=2, most=2, slip=True) == 8 * 4 + 5 * 3


def test_taps_of_a_kernel():
    assert largest_taps(9, 10, 2, 2, None) == 9
    assert largest_taps(9, 30, 2, 2, 6) == 8
