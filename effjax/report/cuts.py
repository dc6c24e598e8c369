"""Pictures of networks that were made smaller."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from effjax.report.figures import save_figure
from effjax.report.statistics import Interval
from effjax.report.style import GREY, fit_title, line_colours

Point = tuple[float, float, Interval]  # (multiply-adds, milliseconds, the metric)


def plot_cuts(
    curves: Mapping[str, Sequence[Point]],
    large: tuple[str, Point],
    path: Path,
    title: str,
    metric: str,
) -> None:
    """Writes a PNG: a metric against multiply-adds and against measured milliseconds.

    Args:
      curves: {arm: its networks}, with the interval of each over seeds.
      large: the name and the point of what all of them are made from.
    """
    from matplotlib.figure import Figure

    name_of_large, whole = large
    figure = Figure(figsize=(10, 4), layout="constrained")
    panels = figure.subplots(1, 2, sharey=True)
    names = ("multiply-adds", "measured milliseconds")
    for slot, (axes, name) in enumerate(zip(panels, names, strict=True)):
        for colour, (arm, points) in zip(line_colours(len(curves)), curves.items()):
            ordered = sorted(points, key=lambda point: point[slot])
            costs = [point[slot] for point in ordered]
            means = [point[2].estimate for point in ordered]
            reach = [_reach(point[2]) for point in ordered]
            style = {"color": colour, "marker": "o", "ms": 4, "capsize": 3, "lw": 1.2}
            axes.errorbar(costs, means, yerr=reach, label=arm, **style)
        interval = whole[2]
        axes.errorbar(
            whole[slot],
            interval.estimate,
            yerr=_reach(interval),
            color=GREY,
            marker="s",
            capsize=3,
            ls="",
            label=name_of_large,
        )
        axes.set_xlabel(name)
        axes.set_xlim(left=0)
        axes.grid(alpha=0.3)
    panels[0].set_ylabel(f"{metric}: mean, 95 % interval")
    panels[0].legend(fontsize=8, frameon=False)
    figure.suptitle(fit_title(title, figure.get_figwidth()), fontsize=10)
    save_figure(figure, path)


def _reach(interval: Interval) -> float:
    """Half of the interval; of one run there is none."""
    reach = interval.high - interval.estimate
    return reach if math.isfinite(reach) else 0.0
