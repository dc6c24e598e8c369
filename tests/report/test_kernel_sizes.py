"""Pictures of searches: written whole, for few and for many windows."""

import numpy as np
import pytest
from PIL import Image

from effjax.report.kernel_sizes import plot_arms, plot_search, shown_range
from effjax.report.statistics import Interval, t_interval


@pytest.mark.parametrize("count", [1, 30])
def test_a_search(tmp_path, count):
    names = [f"stages_0.blocks_{n}.dwconv" for n in range(count)]
    rows = [{"step": step, **{f"search/{n}": 9.0 - step for n in names}} for step in (1, 2, 3)]
    kernels = {name: np.ones((9, 9)) for name in names}
    path = tmp_path / "sizes.png"
    plot_search(names, rows, [7] * count, [9] * count, kernels, path, "a title")
    with Image.open(path) as image:
        assert image.size[0] > 1000
    assert [file.name for file in tmp_path.iterdir()] == ["sizes.png"]


def test_arms_of_one_run_and_of_several(tmp_path):
    results = {"found": [(10.0, 0.5), (10.0, 0.6)], "uniform": [(11.0, 0.4)]}
    intervals = {arm: t_interval([top1 for _, top1 in runs]) for arm, runs in results.items()}
    plot_arms(results, intervals, tmp_path / "arms.png", "multiply-adds")
    with Image.open(tmp_path / "arms.png") as image:
        assert image.size[0] > 1000


def test_the_axis_shows_runs_and_the_ends_that_are_near_them():
    near, far = Interval(0.42, 0.41, 0.45), Interval(0.42, -3.0, 4.0)
    assert shown_range([0.4, 0.44], [near, far]) == pytest.approx((0.396, 0.454))
    assert shown_range([0.4, 0.44], [Interval(0.4, -np.inf, np.inf)]) == pytest.approx(
        (0.396, 0.444)
    )
    assert shown_range([1.0], []) == (pytest.approx(0.9995), 1.0)
