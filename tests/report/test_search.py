"""Pictures of searches are written, whatever is known."""

from effjax.report.search import Dot, plot_found, plot_progress


def test_plot_found(tmp_path):
    points = [Dot(0, 0.5, 0.25, 10.0), Dot(1, 0.7, 1.0, 12.0), Dot(2, 0.6, 1.0, 11.0)]
    plot_found(points, [(11.0, 0.6), (12.0, 0.7)], tmp_path / "a.png", "macs", 13.0, "title")
    plot_found([Dot(0, 0.5, 1.0, None)], [], tmp_path / "b.png", "macs")
    assert (tmp_path / "a.png").stat().st_size > (tmp_path / "b.png").stat().st_size > 5000


def test_plot_progress(tmp_path):
    curves = {"random": [[1, 2, 3], [0, 2, 2]], "evolution": [[1, 3, 3]]}
    plot_progress(curves, tmp_path / "c.png", "title", best=4)
    assert (tmp_path / "c.png").stat().st_size > 5000
