"""Pictures of kernel sizes: what was found, how it came to it, and how well it does."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from effjax.report.curves import Rows, series
from effjax.report.figures import save_figure
from effjax.report.statistics import Interval

PREFIX = "search/"
MOST_KERNELS = 12


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
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    shown = list(kernels.items())
    if len(shown) > MOST_KERNELS:  # evenly over the depth
        shown = [shown[i * len(shown) // MOST_KERNELS] for i in range(MOST_KERNELS)]
    columns = max(4, min(6, len(shown)))
    lines = -(-len(shown) // columns)
    height = 0.28 * len(names) + 1.6
    figure = Figure(figsize=(11, max(3.4, height) + 1.9 * lines), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[max(3.4, height), 1.9 * lines])
    left, right = top.subplots(1, 2)
    colours = colormaps["viridis"]([i / max(1, len(names) - 1) for i in range(len(names))])

    places = range(len(names))
    left.barh(places, largest, color="0.92")
    left.barh(places, found, color=colours)
    for place, size in zip(places, found):
        left.text(size - 0.15, place, str(size), ha="right", va="center", fontsize=8, color="w")
    left.set_yticks(places, names, fontsize=7)
    left.invert_yaxis()
    left.set_xlabel("size in taps")
    left.set_title("found (grey: the largest)", loc="left", fontsize=10)

    for name, colour in zip(names, colours):
        right.plot(*series(rows, f"{PREFIX}{name}"), color=colour, lw=1.3)
    for name, size, colour in zip(names, found, colours):
        steps, _ = series(rows, f"{PREFIX}{name}")
        right.plot(steps[-1:], [size][: len(steps[-1:])], "o", ms=4, color=colour)
    right.set_ylim(0, max(largest) + 1)
    right.set_xlabel("step")
    right.set_title("soft sizes (dots: found)", loc="left", fontsize=10)
    right.grid(alpha=0.3)

    for axes, (name, kernel) in zip(bottom.subplots(lines, columns, squeeze=False).flat, shown):
        axes.imshow(kernel, cmap="viridis", vmin=0)
        axes.set_title(name.removesuffix(".token_mixer.dwconv"), fontsize=7)
    for axes in bottom.axes:
        axes.set_axis_off()
    bottom.suptitle("masked kernels, mean magnitude over channels", fontsize=9)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)


def plot_arms(
    results: Mapping[str, Sequence[tuple[float, float]]],
    intervals: Mapping[str, Interval],
    path: Path,
    unit: str,
    title: str = "",
) -> None:
    """Writes a PNG: accuracy against cost, a colour an arm; the interval beside its runs.

    Args:
      results: {arm: [(cost, accuracy) of each run]}.
      intervals: {arm: interval of its mean accuracy}.
      unit: of the cost.
    """
    from matplotlib import colormaps
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 3.8), layout="constrained")
    scatter, bars = figure.subplots(1, 2)
    for n, (arm, points) in enumerate(results.items()):
        colour = colormaps["tab10"].colors[n % 10]
        costs, values = zip(*points)
        scatter.plot(costs, values, "o", color=colour, alpha=0.6, label=arm)
        mean = intervals[arm].estimate
        reach = intervals[arm].high - mean
        reach = reach if math.isfinite(reach) else 0.0
        bars.plot(values, [n] * len(values), "o", color=colour, alpha=0.35, ms=4)
        bars.errorbar(mean, n, xerr=reach, fmt="s", color=colour, capsize=4)
    scatter.set_xlabel(unit)
    scatter.locator_params(axis="x", nbins=5)
    scatter.set_ylabel("held-out top-1")
    scatter.legend(fontsize=8, frameon=False)
    values = [value for points in results.values() for _, value in points]
    around = max(0.01, 2 * (max(values) - min(values)))  # intervals of two runs are wider than that
    bars.set_xlim(max(0.0, min(values) - around), min(1.0, max(values) + around))
    bars.set_yticks(range(len(results)), list(results))
    bars.invert_yaxis()
    bars.set_xlabel("held-out top-1: mean, 95 % interval, runs")
    for axes in (scatter, bars):
        axes.grid(alpha=0.3)
    figure.suptitle(title, fontsize=10)
    save_figure(figure, path)
