"""Pictures of rows made by hand: what they are drawn from, and that they are drawn."""

import math

import pytest

from effjax.bench import pictures
from effjax.bench.pictures import (
    _cells,
    band_of,
    best_bands,
    draw_expected,
    draw_sensitivity,
    save_overview,
    speed_ups,
)
from effjax.bench.scoring import Scores
from effjax.bench.settings import Goal, Setting
from effjax.report.plots import make_styles
from tests.bench.test_scoring import GOAL, ROWS, row


@pytest.fixture
def scores():
    return Scores(ROWS, {"w": GOAL}, "b")


def test_speed_ups_are_against_the_reference(scores):
    ((name, ratio, low, high),) = speed_ups(scores)
    assert name == "a"
    assert ratio == pytest.approx(math.sqrt(2))
    assert low <= ratio <= high


def test_a_band_is_the_median_in_the_range_of_seeds(scores):
    bands = best_bands(scores, "w")
    assert list(bands) == ["a", "b"]
    assert bands["a"].x == [10, 20, 30, 40]
    assert bands["a"].middle.tolist() == pytest.approx([0.9, 0.55, 0.45, 0.35])
    assert (bands["a"].low[3], bands["a"].high[3]) == (0.30, 0.40)


def test_a_band_without_values_is_empty():
    failed = {"status": "failed", "seed": 0}
    assert len(band_of(Setting(0, {}, {0: failed}, GOAL), "val/loss").x) == 0


def test_cells_are_even_in_the_logarithm():
    settings = [Setting(0, {"weight_decay": 10.0**-n}, {}, GOAL) for n in range(6)]
    cells, names = _cells(settings, "weight_decay")
    assert cells.tolist() == [4, 4, 3, 2, 1, 0] or cells.tolist() == [4, 3, 2, 1, 0, 0]
    assert len(names) == 5


def test_a_map_for_each_optimizer_whose_decay_was_tuned():
    rows = []
    for rate in (0.1, 0.2):
        for decay in (0.01, 0.1):
            made = row("a", rate, 0, [0.9, 0.5, 0.4, rate + decay])
            rows.append(made | {"settings": {"learning_rate": rate, "weight_decay": decay}})
    scores = Scores(rows, {"w": Goal("val/loss", None, 40, 8)}, "a")
    styles = make_styles(scores.optimizers)
    figures = draw_sensitivity(scores, styles)
    assert len(figures) == 2
    assert "w: a" in figures[1]
    assert len(draw_expected(scores, styles)) == 1


@pytest.mark.parametrize(
    ("goal", "titles"),
    [(GOAL, ["Speed-up to target", "w"]), (Goal("val/loss", None, 40, 8), ["w"])],
)
def test_an_overview_has_no_speed_ups_without_a_target(goal, titles, monkeypatch, tmp_path):
    drawn = []
    monkeypatch.setattr(pictures, "dress", lambda place, title, *labels: drawn.append(title))
    scores = Scores(ROWS, {"w": goal}, "b")
    save_overview(scores, make_styles(scores.optimizers), tmp_path / "overview.png")
    assert drawn == titles
    assert (tmp_path / "overview.png").stat().st_size > 5000
