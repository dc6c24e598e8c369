"""Pictures of cut networks."""

from effjax.report.cuts import plot_cuts
from effjax.report.statistics import t_interval


def test_a_picture_of_several_and_of_single_runs(tmp_path):
    several = t_interval([0.5, 0.6, 0.55])
    curves = {"pruned": [(50.0, 1.0, several), (25.0, 0.8, t_interval([0.4]))]}
    large = ("original", (100.0, 1.2, several))
    plot_cuts(curves, large, tmp_path / "x.png", "a title", "val/top1")
    assert (tmp_path / "x.png").stat().st_size > 5000
