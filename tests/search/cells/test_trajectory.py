import numpy as np

from effjax.search.cells import trajectory


def test_entries_are_written_once_each():
    alphas = {"normal": np.ones((2, 3), np.float32)}
    memory = trajectory.empty(2, alphas)
    memory = trajectory.written(memory, 0, alphas, 0.5)
    again = trajectory.written(memory, 0, alphas, 9.0)
    assert again is memory
    memory = trajectory.written(memory, 4, {"normal": 2 * alphas["normal"]}, 0.7)
    assert memory["steps"].tolist() == [0, 4]
    assert memory["alphas"]["normal"][1, 0, 0] == 2
    assert trajectory.written(memory, 8, alphas, 0.1) is memory  # it is full


def test_a_rise_is_seen_where_the_mean_of_a_window_has_grown_by_a_third():
    calm = [1.0, 1.1, 0.9, 1.0, 1.05, 1.0]
    assert trajectory.risen(calm, 2, 0.75) is None
    assert trajectory.risen([*calm, 2.0, 4.0], 2, 0.75) == 6
    np.testing.assert_allclose(trajectory.smoothed([1.0, 3.0, 5.0], 2), [1, 2, 4])
