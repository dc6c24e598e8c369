"""Curves of one run: loss, accuracy and learning rate against steps."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from effjax.report.figures import save_figure
from effjax.report.metric_names import is_held_out
from effjax.report.style import fit_title, line_colours, log_scale

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
    width = 4.6 * len(endings)  # inches
    figure = Figure(figsize=(width, 3.4), layout="constrained")
    panels = figure.subplots(1, len(endings), squeeze=False)[0]
    for axes, ending in zip(panels, endings):
        _draw_panel(axes, rows, ending)
    figure.suptitle(fit_title(title, width), fontsize=10)
    save_figure(figure, path)


def _draw_panel(axes: Any, rows: Rows, ending: str) -> None:
    """One curve a metric; those of held-out data are thicker and in front."""
    drawn: list[float] = []
    names = names_ending(rows, ending)
    # what was held out is looked at first: beyond seven curves only it has colours
    front = sorted(range(len(names)), key=lambda place: not is_held_out(names[place]))
    for name, colour in zip(names, line_colours(len(names), front)):
        steps, values = series(rows, name)
        drawn += values
        mark = "." if len(values) == 1 else ""  # a single evaluation is no line
        if is_held_out(name):
            axes.plot(steps, values, marker=mark, color=colour, label=name, lw=1.8, zorder=3)
        else:
            axes.plot(steps, values, marker=mark, color=colour, label=name, lw=1.0, zorder=2)
    if ending == "loss":
        log_scale(axes, drawn)
    axes.set_xlabel("step")
    axes.set_title(PANELS[ending], loc="left", fontsize=10)
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
