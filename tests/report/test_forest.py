"""A forest plot is written, however many lines it has."""

from effjax.report.forest import Stem, plot_forest


def test_plot_forest(tmp_path):
    stems = [Stem("a against b", 1.3, 1.1, 1.6, 2.0), Stem("c against d", 0.9, 0.7, 1.1, 1.5)]
    plot_forest(stems, tmp_path / "two.png", "title", "ratio", 1.0)
    plot_forest(stems[:1], tmp_path / "one.png", "title", "ratio", 1.0)
    assert (tmp_path / "two.png").stat().st_size > (tmp_path / "one.png").stat().st_size > 5000
