"""What has no picture is not drawn; the pictures themselves are drawn in test_face."""

from effjax.analyse.pictures import draw
from effjax.analyse.settings import Found


def test_no_picture(tmp_path):
    assert draw("gap", {"a": Found({"x": 1.0})}, tmp_path) is None


def test_a_curve_a_run(tmp_path):
    results = {"a": Found({}, {"distances": [1.0, 2.0]}), "b": Found({}, {"distances": [3.0]})}
    assert draw("stability", results, tmp_path) == tmp_path / "stability.png"
    assert (tmp_path / "stability.png").stat().st_size > 5000
