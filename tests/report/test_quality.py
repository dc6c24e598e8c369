"""Pictures of a classifier: each is written, also with classes and bins that are empty."""

import warnings

import numpy as np
import pytest
from PIL import Image

from effjax.report.quality import NAMED, draw_confusion, draw_reliability, draw_severities


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def side(path):
    with Image.open(path) as image:
        return image.height


def test_a_class_without_images_is_an_empty_row(tmp_path):
    counts = np.array([[3, 1], [0, 0]])
    draw_confusion(tmp_path / "c.png", counts, ["cat", "dog"], title="two")
    assert side(tmp_path / "c.png") > 300


def test_many_classes_stay_on_the_page(tmp_path):
    classes = NAMED + 1
    draw_confusion(tmp_path / "c.png", np.eye(classes, dtype=int), [""] * classes)
    assert side(tmp_path / "c.png") <= 12 * 120 + 1


def test_an_empty_bin_has_no_bar(tmp_path):
    edges = np.linspace(0, 1, 4)
    draw_reliability(tmp_path / "r.png", edges, np.array([0, 2, 2]), np.array([np.nan, 0.5, 1.0]))
    assert (tmp_path / "r.png").exists()


def test_each_kind_of_damage_is_a_line_from_the_undamaged_images(tmp_path, monkeypatch):
    drawn = {}
    from matplotlib.axes import Axes

    def keep(self, x, y, **options):
        drawn[options["label"]] = list(y)
        return plot(self, x, y, **options)

    plot = Axes.plot
    monkeypatch.setattr(Axes, "plot", keep)
    draw_severities(tmp_path / "s.png", {"blur": [0.2, 0.4]}, clean=0.1)
    assert drawn["blur"] == pytest.approx([10.0, 20.0, 40.0])
