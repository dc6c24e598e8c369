"""Pictures of a search: how good its networks are, against evaluations and against their cost."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from effjax.report.figures import save_figure
from effjax.report.style import COLOURS, GREY, fit_title, line_colours


class Dot(NamedTuple):
    """An evaluation: its number from 0, its value, its share of a training, its cost."""

    number: int
    value: float
    share: float
    cost: float | None


def plot_found(
    points: Sequence[Dot],
    front: Sequence[tuple[float, float]],
    path: Path,
    unit: str,
    limit: float | None = None,
    title: str = "",
) -> None:
    """Writes a PNG: value against evaluations with the best so far, and value against cost.

    Args:
      points: of all evaluations, in order.
      front: (cost, value) of points of which none is better in everything.
      path: the picture.
      unit: of the cost.
      limit: the budget.
    """
    from matplotlib.figure import Figure

    with_cost = [point for point in points if point.cost is not None]
    panels = 2 if with_cost else 1
    figure = Figure(figsize=(5.0 * panels, 3.6), layout="constrained")
    all_axes = figure.subplots(1, panels, squeeze=False)[0]
    _draw_progress(all_axes[0], points)
    if with_cost:
        _draw_costs(all_axes[1], with_cost, front, unit, limit)
    for axes in all_axes:
        axes.set_ylabel("value")
        axes.grid(alpha=0.3)
    figure.suptitle(fit_title(title, figure.get_figwidth()), fontsize=10)
    save_figure(figure, path)


def _draw_progress(axes: Any, points: Sequence[Dot]) -> None:
    whole = max(point.share for point in points)
    for share in sorted({point.share for point in points if point.share < whole}):
        shorter = [point for point in points if point.share == share]
        _draw_dots(axes, shorter, COLOURS[4], f"{share:.2g} of a training")
    longest = [point for point in points if point.share == whole]
    _draw_dots(axes, longest, GREY, "evaluated")
    numbers = [point.number + 1 for point in longest]
    best = list(itertools.accumulate((point.value for point in longest), max))
    axes.step(numbers, best, where="post", color=COLOURS[0], label="best so far")
    axes.set_xlabel("evaluation")
    axes.legend(fontsize=8, frameon=False)


def _draw_dots(axes: Any, points: Sequence[Dot], colour: str, label: str) -> None:
    numbers = [point.number + 1 for point in points]
    values = [point.value for point in points]
    axes.plot(numbers, values, "o", color=colour, ms=4, label=label)


def _draw_costs(
    axes: Any,
    points: Sequence[Dot],
    front: Sequence[tuple[float, float]],
    unit: str,
    limit: float | None,
) -> None:
    whole = max(point.share for point in points)
    shown = [point for point in points if point.share == whole]
    best = max(shown, key=lambda point: point.value)
    costs = [point.cost for point in shown]
    values = [point.value for point in shown]
    axes.plot(costs, values, "o", color=GREY, ms=4)
    axes.plot(best.cost, best.value, "s", color=COLOURS[0], label="best")
    if front:
        axes.plot(*zip(*sorted(front)), "o-", color=COLOURS[2], ms=4, lw=1, label="front")
    if limit is not None:
        axes.axvline(limit, color=COLOURS[1], lw=1, ls="--", label="budget")
    axes.set_xlabel(unit)
    axes.locator_params(axis="x", nbins=5)
    axes.legend(fontsize=8, frameon=False)


def plot_progress(
    curves: Mapping[str, Sequence[Sequence[float]]],
    path: Path,
    title: str = "",
    best: float | None = None,
) -> None:
    """Writes a PNG: the best value so far against evaluations, medians and quartiles over seeds.

    Args:
      curves: {strategy: for each seed the best value after 1, 2, ... evaluations}.
      path: the picture.
      best: the best value that there is.
    """
    import numpy as np
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 3.8), layout="constrained")
    axes = figure.subplots()
    for colour, (name, seeds) in zip(line_colours(len(curves)), curves.items()):
        shortest = min(len(seed) for seed in seeds)
        values = np.asarray([seed[:shortest] for seed in seeds])
        low, middle, high = np.quantile(values, (0.25, 0.5, 0.75), axis=0)
        numbers = np.arange(1, shortest + 1)
        axes.plot(numbers, middle, color=colour, label=name)
        axes.fill_between(numbers, low, high, color=colour, alpha=0.12, lw=0)
    if best is not None:
        axes.axhline(best, color=GREY, lw=1, ls="--", label="best there is")
    axes.set_xlabel("evaluations")
    axes.set_ylabel("best so far (median, quartiles)")
    axes.grid(alpha=0.3)
    axes.legend(fontsize=8, frameon=False)
    figure.suptitle(fit_title(title, figure.get_figwidth()), fontsize=10)
    save_figure(figure, path)
