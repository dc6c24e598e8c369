"""A forest plot: what was measured, as intervals, beside what was claimed."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from effjax.report.figures import save_figure
from effjax.report.plots import dress
from effjax.report.style import GREY

MEASURED, CLAIMED = "#1f5fbf", "#c8501e"


@dataclasses.dataclass(frozen=True)
class Stem:
    """One line of the plot.

    Attributes:
      label: at its left.
      estimate, low, high: what was measured.
      claimed: a mark of its own.
    """

    label: str
    estimate: float
    low: float
    high: float
    claimed: float


def plot_forest(stems: Sequence[Stem], path: Path, title: str, x_label: str, level: float) -> None:
    """Draws intervals under one another, with a line at `level`, where nothing is gained.

    Raises:
      UserError: the disk refuses.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.2, 0.42 * len(stems) + 1.3), layout="constrained")
    axes = figure.subplots()
    rows = range(len(stems))
    axes.axvline(level, color=GREY, linewidth=1)
    for row, stem in zip(rows, stems):
        axes.plot([stem.low, stem.high], [row, row], color=MEASURED, linewidth=2.5)
        axes.plot(stem.estimate, row, "o", color=MEASURED, markersize=6)
        axes.plot(stem.claimed, row, "D", color=CLAIMED, markersize=6)
    # the first line says which mark is which, so that no legend is needed
    first = stems[0]
    above = {"xytext": (0, 8), "textcoords": "offset points", "ha": "center", "fontsize": 9}
    axes.annotate("measured", (first.estimate, 0), color=MEASURED, **above)
    axes.annotate("claimed", (first.claimed, 0), color=CLAIMED, **above)
    axes.set_yticks(list(rows), [stem.label for stem in stems])
    axes.set_ylim(len(stems) - 0.5, -0.8)
    dress(axes, title, x_label, y_label="")
    save_figure(figure, path)
