"""Pictures of kernel sizes: what was found, how it came to it, and how well it does."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.report.curves import Rows, series
from effjax.report.figures import save_figure
from effjax.report.statistics import Interval
from effjax.report.style import COLOURS, fit_title, line_colours

PREFIX = "search/"
MOST_KERNELS = 12  # more would be too small to read


def plot_search(
    names: Sequence[str],
    rows: Rows,
    found: Sequence[int],
    largest: Sequence[int],
    kernels: Mapping[str, Any],
    path: Path,
    title: str = "",
) -> None:
    """Writes a PNG: the size found in each layer, soft sizes against steps, masked kernels.

    Args:
      names: of the sizes.
      rows: of metrics.jsonl, with "search/<name>" of each.
      found, largest: one number a size.
      kernels: {site: [I, J]}, the mean magnitude of its masked kernels.
      path: the picture.
    """
    import numpy as np
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    shown = _evenly(list(kernels.items()), MOST_KERNELS)
    columns = max(4, min(6, len(shown)))
    lines = math.ceil(len(shown) / columns)
    above = max(3.4, 0.28 * len(names) + 1.6)  # inches: a bar of each size, and the axis
    below = 1.9 * lines
    figure = Figure(figsize=(11, above + below), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[above, below])
    left, right = top.subplots(1, 2)
    # depth is an order, not a name: from dark in the first layer to light in the last
    colours = colormaps["Blues"](np.linspace(1.0, 0.4, len(names)))
    _draw_found(left, names, found, largest)
    _draw_soft_sizes(right, names, rows, found, colours)
    right.set_ylim(0, max(largest) + 1)
    grid = bottom.subplots(lines, columns, squeeze=False).flat
    for axes, (name, kernel) in zip(grid, shown):
        axes.imshow(kernel, cmap="viridis", vmin=0)
        axes.set_title(name.removesuffix(".token_mixer.dwconv"), fontsize=7)
    for axes in bottom.axes:  # those that are left over too
        axes.set_axis_off()
    bottom.suptitle("masked kernels, mean magnitude over channels", fontsize=9)
    figure.suptitle(fit_title(title, figure.get_figwidth()), fontsize=10)
    save_figure(figure, path)


def _evenly(entries: list[Any], most: int) -> list[Any]:
    """At most `most` of the entries, evenly over the depth of the network."""
    if len(entries) <= most:
        return entries
    return [entries[i * len(entries) // most] for i in range(most)]


def _draw_found(
    axes: Any, names: Sequence[str], found: Sequence[int], largest: Sequence[int]
) -> None:
    """A bar for each size, in front of the largest that it could have been."""
    places = range(len(names))
    axes.barh(places, largest, color="0.92")
    axes.barh(places, found, color=COLOURS[0])
    for place, size in zip(places, found):
        axes.text(size - 0.15, place, str(size), ha="right", va="center", fontsize=8, color="w")
    axes.set_yticks(places, names, fontsize=7)
    axes.invert_yaxis()  # the first layer on top, as one reads a network
    axes.set_xlabel("size in taps")
    axes.set_title("found (grey: the largest)", loc="left", fontsize=10)


def _draw_soft_sizes(
    axes: Any, names: Sequence[str], rows: Rows, found: Sequence[int], colours: Any
) -> None:
    """The soft sizes against steps, and what was found at the end of each curve."""
    for name, size, colour in zip(names, found, colours):
        steps, values = series(rows, f"{PREFIX}{name}")
        axes.plot(steps, values, color=colour, lw=1.3)
        if steps:  # sizes are found without rows too, where logging was off
            axes.plot(steps[-1:], [size], "o", ms=4, color=colour)
    axes.set_xlabel("step")
    axes.set_title("soft sizes, dark: first layers (dots: found)", loc="left", fontsize=10)
    axes.grid(alpha=0.3)


def plot_arms(
    results: Mapping[str, Sequence[tuple[float, float]]],
    intervals: Mapping[str, Interval],
    path: Path,
    unit: str,
    title: str = "",
    metric: str = "held-out top-1",
) -> None:
    """Writes a PNG: accuracy against cost, a colour an arm; the interval beside its runs.

    Args:
      results: {arm: [(cost, accuracy) of each run]}.
      intervals: {arm: interval of its mean accuracy}.
      unit: of the cost.
      metric: what the accuracy is called.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    scatter, bars = figure.subplots(1, 2)
    every: list[float] = []
    colours = line_colours(len(results))
    for place, (arm, points) in enumerate(results.items()):
        colour = colours[place]
        costs, values = zip(*points)
        every += values
        scatter.plot(costs, values, "o", color=colour, alpha=0.6, label=arm)
        bars.plot(values, [place] * len(values), "o", color=colour, alpha=0.35, ms=4)
        interval = intervals[arm]
        reach = interval.high - interval.estimate
        if not math.isfinite(reach):  # one run has no interval
            reach = 0.0
        bars.errorbar(interval.estimate, place, xerr=reach, fmt="s", color=colour, capsize=4)
    scatter.set_xlabel(unit)
    scatter.locator_params(axis="x", nbins=5)
    scatter.set_ylabel(metric)
    scatter.legend(fontsize=8, frameon=False)
    bars.set_xlim(*shown_range(every, list(intervals.values())))
    bars.set_yticks(range(len(results)), list(results))
    bars.invert_yaxis()
    bars.set_xlabel(f"{metric}: mean, 95 % interval, runs")
    for axes in (scatter, bars):
        axes.grid(alpha=0.3)
    figure.suptitle(fit_title(title, figure.get_figwidth()), fontsize=10)
    save_figure(figure, path)


def shown_range(values: Sequence[float], intervals: Sequence[Interval]) -> tuple[float, float]:
    """Where the runs and the ends of their intervals lie, with a little room beside them."""
    low, high = min(values), max(values)
    spread = max(0.005, high - low)
    # intervals of two runs are so wide that they would leave no room for the rest
    ends = [end for interval in intervals for end in (interval.low, interval.high)]
    near = [end for end in ends if low - 2 * spread <= end <= high + 2 * spread]
    room = spread / 10
    most = 1.0 if high <= 1 else math.inf  # a share
    return max(0.0, min([low, *near]) - room), min(most, max([high, *near]) + room)
