"""A picture of rank correlations with their intervals."""

from collections.abc import Collection, Mapping
from pathlib import Path

from effjax.report.figures import save_figure
from effjax.report.statistics import Interval
from effjax.report.style import COLOURS, GREY, fit_title


def plot_correlations(
    estimates: Mapping[str, Interval], baselines: Collection[str], path: Path, title: str = ""
) -> None:
    """Writes a PNG: a line for each score, from the lower to the upper end of its interval.

    Args:
      estimates: {score: its correlation}, the best first.
      baselines: names that are drawn in grey: what a score has to beat.
      path: the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 0.6 + 0.28 * len(estimates)), layout="constrained")
    axes = figure.subplots()
    # the first line stands at the top
    for place, (name, interval) in enumerate(reversed(estimates.items())):
        colour = GREY if name in baselines else COLOURS[0]
        axes.plot([interval.low, interval.high], [place, place], color=colour, lw=2)
        axes.plot(interval.estimate, place, "o", color=colour, ms=5)
    axes.axvline(0, color="black", lw=0.8)
    axes.set_yticks(range(len(estimates)), list(reversed(estimates)))
    axes.set_xlabel("Spearman's rank correlation with the value reached")
    axes.grid(alpha=0.3, axis="x")
    figure.suptitle(fit_title(title, figure.get_figwidth()), fontsize=10)
    save_figure(figure, path)
