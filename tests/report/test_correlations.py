"""The picture of correlations is written."""

from effjax.report.correlations import plot_correlations
from effjax.report.statistics import Interval


def test_the_picture_is_written(tmp_path):
    estimates = {"snip": Interval(0.5, 0.3, 0.6), "params": Interval(0.2, -0.1, 0.4)}
    plot_correlations(estimates, ("params",), tmp_path / "x.png")
    assert (tmp_path / "x.png").stat().st_size > 0
