"""The pictures of a benchmark's report, as SVG text, made from scores."""

import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from effjax.bench.scoring import Setting, Table
from effjax.report.plots import (
    Band,
    Style,
    draw_bands,
    draw_intervals,
    dress,
    plot_bands,
    plot_heat,
    plot_intervals,
    plot_profiles,
)
from effjax.report.profiles import ratios

Styles = Mapping[str, Style]


def draw_scores(table: Table, styles: Styles) -> list[str]:
    """Performance profiles on two clocks, and speed-ups in their intervals."""
    figures = []
    for clock in ("steps", "seconds"):
        times = table.times(clock)
        if any(times.values()):
            title = f"Performance profiles, {clock}"
            figures.append(plot_profiles(ratios(times), styles, title=title))
    intervals = speed_ups(table)
    if intervals:
        label, title = _against(table), "Speed-up to target"
        figures.append(
            plot_intervals(intervals, styles, title=title, x_label=label, level=1.0, log_x=True)
        )
    return figures


def speed_ups(table: Table) -> list[tuple[str, float, float, float]]:
    """(optimizer, ratio of steps, low, high) against the reference, the fastest first."""
    found = {n: table.compare(n) for n in table.optimizers if n != table.reference}
    rows = [(n, c.ratio.estimate, c.ratio.low, c.ratio.high) for n, c in found.items() if c.pairs]
    return sorted(rows, key=lambda row: -row[1])


def _against(table: Table) -> str:
    return f"steps of {table.reference} / own steps"


def band_of(setting: Setting, metric: str) -> Band:
    """Median over seeds inside the range of all of them."""
    rows = [row for row in setting.rows.values() if row.get("values")]
    if not rows:
        return Band([], [])
    values = np.array([_numbers(row["values"][metric]) for row in rows])
    with np.errstate(all="ignore"):
        middle = np.median(values, 0)
    return Band(rows[0]["steps"], middle, values.min(0), values.max(0))


def best_bands(table: Table, workload: str) -> dict[str, Band]:
    """The metric's curve of each optimizer's best setting."""
    best = {name: table.best(workload, name) for name in table.optimizers}
    metric = table.goals[workload].metric
    bands = {name: band_of(setting, metric) for name, setting in best.items() if setting}
    return {name: band for name, band in bands.items() if len(band.x)}


def draw_curves(table: Table, styles: Styles) -> list[str]:
    """The metric of each optimizer's best setting, one picture a workload."""
    figures = []
    for workload in table.workloads:
        goal, bands = table.goals[workload], best_bands(table, workload)
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="step",
                y_label=goal.metric,
                log_y=True,
                level=goal.target,
                top=_sensible_top(bands),
            )
        )
    return figures


def save_overview(table: Table, styles: Styles, path: Path) -> None:
    """Speed-ups and curves in one PNG, for a page of text."""
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    panels = 1 + len(table.workloads)
    rows = -(-panels // 2)
    figure = Figure(figsize=(9.2, 3.3 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    dress(axes[0], "Speed-up to target", _against(table), "")
    draw_intervals(axes[0], speed_ups(table), styles, level=1.0, log_x=True)
    for place, workload in zip(axes[1:], table.workloads):
        goal, bands = table.goals[workload], best_bands(table, workload)
        dress(place, workload, "step", goal.metric)
        top = _sensible_top(bands)
        draw_bands(place, bands, styles, log_y=True, level=goal.target, top=top)
    for place in axes[panels:]:
        place.set_axis_off()
    marks = [Line2D([], [], color=s.colour, ls=s.dash, label=name) for name, s in styles.items()]
    figure.legend(handles=marks, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def _sensible_top(bands: Mapping[str, Band]) -> float | None:
    """Where to cut a picture: a little above where the curves begin."""
    first = [band.middle[0] for band in bands.values() if math.isfinite(band.middle[0])]
    return 2.0 * statistics.median(first) if first else None


def draw_sensitivity(table: Table, styles: Styles) -> list[str]:
    """What was reached against the learning rate, and maps over rate and decay."""
    figures = []
    for workload in table.workloads:
        goal, bands = table.goals[workload], {}
        for name in table.optimizers:
            points = sorted(
                (s.settings["learning_rate"], s.final) for s in table.of(workload, name)
            )
            if points:
                bands[name] = Band(*zip(*points))
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="learning rate",
                y_label=f"final {goal.metric}",
                log_x=True,
                log_y=True,
                marks=True,
            )
        )
        figures += _maps(table, workload)
    return figures


def _maps(table: Table, workload: str) -> list[str]:
    """Learning rate by weight decay for each optimizer that was given more than one decay."""
    figures = []
    for name in table.optimizers:
        found = table.of(workload, name)
        decays = {s.settings.get("weight_decay") for s in found}
        if len(decays) > 1 and None not in decays:
            figures.append(_map(workload, name, found))
    return figures


def _map(workload: str, name: str, found: Sequence[Setting]) -> str:
    """Settings put into 5 x 5 cells, evenly spaced in the logarithm; the best of each cell."""
    places = {}
    for key in ("learning_rate", "weight_decay"):
        values = np.array([max(s.settings[key], 1e-12) for s in found])
        edges = np.geomspace(values.min(), values.max() * (1 + 1e-9), 6)
        cell = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, 4)
        places[key] = cell, [f"{math.sqrt(a * b):.1g}" for a, b in itertools.pairwise(edges)]
    grid = np.full((5, 5), math.nan)
    for i, j, setting in zip(places["weight_decay"][0], places["learning_rate"][0], found):
        if math.isfinite(setting.final):
            grid[i, j] = np.nanmin([grid[i, j], setting.final])
    rows, columns = places["weight_decay"][1], places["learning_rate"][1]
    title = f"{workload}: {name}"
    labels = {"x_label": "learning rate", "y_label": "weight decay"}
    return plot_heat(grid, rows, columns, title=title, **labels)


def draw_expected(table: Table, styles: Styles) -> list[str]:
    """The expected best of k settings against k."""
    figures = []
    for workload in table.workloads:
        bands = {}
        for name in table.optimizers:
            values = table.expected_best(workload, name)
            if values:
                bands[name] = Band(range(1, len(values) + 1), values)
        label = f"expected final {table.goals[workload].metric}"
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="trials",
                y_label=label,
                log_y=True,
                marks=True,
                whole_x=True,
            )
        )
    return figures


def _numbers(values: Sequence[float | None]) -> list[float]:
    return [math.nan if value is None else value for value in values]
