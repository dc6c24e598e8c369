"""Curves of one run: loss, accuracy and learning rate against steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.report.figures import save_figure
from effjax.report.metric_names import is_held_out

Rows = Sequence[dict[str, Any]]
# last part of a metric's name, title of its panel
PANELS = {"loss": "loss", "top1": "top-1", "lr": "learning rate"}


def series(rows: Rows, name: str) -> tuple[list[int], list[float]]:
    """(steps, values) of one metric, rows without it left out."""
    steps: list[int] = []
    values: list[float] = []
    for row in rows:
        if row.get(name) is not None:
            steps.append(row["step"])
            values.append(row[name])
    return steps, values


def names_ending(rows: Rows, ending: str) -> list[str]:
    """Names of the metrics whose last part is `ending`, in order of appearance."""
    names: dict[str, None] = {}
    for row in rows:
        names |= dict.fromkeys(row)
    return [name for name in names if name.rpartition("/")[2] == ending]


def plot_run(rows: Rows, path: Path, title: str = "") -> None:
    """Writes a PNG with one panel each for loss, top-1 and learning rate, where there are such."""
    from matplotlib.figure import Figure

    endings = [ending for ending in PANELS if names_ending(rows, ending)]
    if not endings:
        return
    figure = Figure(figsize=(4.6 * len(endings), 3.4), layout="constrained")
    panels = figure.subplots(1, len(endings), squeeze=False)[0]
    for axes, ending in zip(panels, endings):
        _draw_panel(axes, rows, ending)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def _draw_panel(axes: Any, rows: Rows, ending: str) -> None:
    """One curve a metric; those of held-out data are thicker and in front."""
    drawn: list[float] = []
    for name in names_ending(rows, ending):
        steps, values = series(rows, name)
        drawn += values
        if is_held_out(name):
            axes.plot(steps, values, label=name, lw=1.8, zorder=3)
        else:
            axes.plot(steps, values, label=name, lw=1.0, zorder=2)
    if ending == "loss" and min(drawn, default=0) > 0:
        axes.set_yscale("log")
    axes.set_xlabel("step")
    axes.set_title(PANELS[ending], loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
