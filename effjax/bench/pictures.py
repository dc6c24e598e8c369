"""The pictures of a benchmark's report, as SVG text, made from scores."""

import io
import itertools
import math
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from effjax.bench.rows import finite_or_nan
from effjax.bench.scoring import Scores
from effjax.bench.settings import Setting
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
from effjax.report.style import GREY
from effjax.runs.atomic import write_atomically
from effjax.trials.json_files import saying_where

Styles = Mapping[str, Style]
CELLS = 5  # of a map, each way
SMALLEST = 1e-12  # stands for 0 on an axis that is a logarithm


def best_first(scores: Scores) -> list[str]:
    """The optimizers by score, or by their final values where there are no targets.

    The reference stands before them, so that it has a colour of its own.
    """
    integrals = scores.scores()
    if integrals:
        order = sorted(scores.optimizers, key=lambda name: -integrals[name])
    else:
        order = sorted(scores.optimizers, key=lambda name: _mean_place(scores, name))
    return sorted(order, key=lambda name: name != scores.reference)


def _mean_place(scores: Scores, name: str) -> float:
    """The mean over workloads of an optimizer's place by the final value of its best setting."""
    places = []
    for workload in scores.workloads:
        finals = {}
        for other in scores.optimizers:
            best = scores.best(workload, other)
            finals[other] = best.final if best else math.inf
        places.append(sum(value < finals[name] for value in finals.values()))
    return statistics.fmean(places)


def draw_scores(scores: Scores, styles: Styles) -> list[str]:
    """Performance profiles on two clocks, and speed-ups in their intervals."""
    figures = []
    # steps compare methods, seconds what a user waits for
    for clock in ("steps", "seconds"):
        times = scores.times(clock)
        if any(times.values()):
            title = f"Performance profiles, {clock}"
            figures.append(plot_profiles(ratios(times), styles, title=title))
    intervals = speed_ups(scores)
    if intervals:
        figures.append(
            plot_intervals(
                intervals,
                styles,
                title="Speed-up to target",
                x_label=_speed_up_label(scores),
                level=1.0,
                log_x=True,
            )
        )
    return figures


def speed_ups(scores: Scores) -> list[tuple[str, float, float, float]]:
    """(optimizer, ratio of steps, low, high) against the reference, the fastest first."""
    rows = []
    for name in scores.optimizers:
        if name == scores.reference:
            continue
        comparison = scores.compare(name)
        if comparison.pairs:
            ratio = comparison.ratio
            rows.append((name, ratio.estimate, ratio.low, ratio.high))
    return sorted(rows, key=lambda row: -row[1])


def _speed_up_label(scores: Scores) -> str:
    return f"steps of {scores.reference} / own steps"


def band_of(setting: Setting, metric: str) -> Band:
    """Median over seeds inside the range of all of them."""
    rows = [row for row in setting.rows.values() if row.get("values")]
    if not rows:
        return Band([], [])
    curves = []
    for row in rows:
        curves.append([finite_or_nan(value) for value in row["values"][metric]])
    values = np.array(curves)  # [seeds, evaluations]
    # a seed that diverged is NaN from there on, and so is the band: numpy warns of that
    with np.errstate(all="ignore"):
        middle = np.median(values, 0)
    return Band(rows[0]["steps"], middle, values.min(0), values.max(0))


def best_bands(scores: Scores, workload: str) -> dict[str, Band]:
    """The metric's curve of each optimizer's best setting."""
    metric = scores.goals[workload].metric
    bands = {}
    for name in scores.optimizers:
        setting = scores.best(workload, name)
        band = band_of(setting, metric) if setting else Band([], [])
        if len(band.x):
            bands[name] = band
    return bands


def draw_curves(scores: Scores, styles: Styles) -> list[str]:
    """The metric of each optimizer's best setting, one picture a workload."""
    figures = []
    for workload in scores.workloads:
        goal = scores.goals[workload]
        bands = best_bands(scores, workload)
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


def save_overview(scores: Scores, styles: Styles, path: Path) -> None:
    """Speed-ups, where a workload has a target, and curves in one PNG, for a page of text.

    Raises:
      UserError: the disk refuses.
    """
    # imported here: most commands draw nothing
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

    intervals = speed_ups(scores)
    panels = bool(intervals) + len(scores.workloads)
    rows = -(-panels // 2)  # of two panels, rounded up
    figure = Figure(figsize=(9.2, 3.3 * rows), layout="constrained")
    axes = figure.subplots(rows, 2, squeeze=False).ravel()
    places = iter(axes)
    if intervals:
        place = next(places)
        dress(place, "Speed-up to target", _speed_up_label(scores), "")
        draw_intervals(place, intervals, styles, level=1.0, log_x=True)
    for place, workload in zip(places, scores.workloads):
        goal = scores.goals[workload]
        bands = best_bands(scores, workload)
        dress(place, workload, "step", goal.metric)
        draw_bands(place, bands, styles, log_y=True, level=goal.target, top=_sensible_top(bands))
    # an odd number of panels leaves one place empty
    for place in axes[panels:]:
        place.set_axis_off()
    marks = []
    for name, style in styles.items():
        if style.in_front:
            marks.append(Line2D([], [], color=style.colour, label=name))
    behind = len(styles) - len(marks)
    if behind:
        marks.append(Line2D([], [], color=GREY, label=f"{behind} others"))
    figure.legend(handles=marks, loc="outside lower center", ncols=6, fontsize=8, frameon=False)
    picture = io.BytesIO()
    # without the version of matplotlib, so that the same rows give the same bytes
    figure.savefig(picture, dpi=110, metadata={"Software": None})
    _write_bytes(path, picture.getvalue())


def _write_bytes(path: Path, data: bytes) -> None:
    # a picture that is cut off would look like one that was never finished drawing
    with saying_where(path):
        write_atomically(path, data)


def _sensible_top(bands: Mapping[str, Band]) -> float | None:
    """Where to cut a picture: a little above where the curves begin."""
    first = [band.middle[0] for band in bands.values() if math.isfinite(band.middle[0])]
    return 2.0 * statistics.median(first) if first else None


def draw_sensitivity(scores: Scores, styles: Styles) -> list[str]:
    """What was reached against the learning rate, and maps over rate and decay."""
    figures = []
    for workload in scores.workloads:
        bands = {}
        for name in scores.optimizers:
            points = []
            for setting in scores.of(workload, name):
                points.append((setting.settings["learning_rate"], setting.final))
            if points:
                bands[name] = Band(*zip(*sorted(points)))
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="learning rate",
                y_label=f"final {scores.goals[workload].metric}",
                log_x=True,
                log_y=True,
                marks=True,
            )
        )
        figures += _decay_maps(scores, workload)
    return figures


def _decay_maps(scores: Scores, workload: str) -> list[str]:
    """Learning rate by weight decay for each optimizer that was given more than one decay."""
    figures = []
    for name in scores.optimizers:
        settings = scores.of(workload, name)
        # None: an optimizer without weight decay, of which there is no map
        decays = {setting.settings.get("weight_decay") for setting in settings}
        if len(decays) > 1 and None not in decays:
            figures.append(_decay_map(f"{workload}: {name}", settings))
    return figures


def _decay_map(title: str, settings: Sequence[Setting]) -> str:
    """Settings in `CELLS` x `CELLS`, evenly spaced in the logarithm; the best of each cell."""
    rows, row_names = _cells(settings, "weight_decay")
    columns, column_names = _cells(settings, "learning_rate")
    grid = np.full((CELLS, CELLS), math.nan)
    for i, j, setting in zip(rows, columns, settings):
        # a cell in which all have failed stays empty
        if math.isfinite(setting.final):
            grid[i, j] = np.nanmin([grid[i, j], setting.final])
    return plot_heat(
        grid,
        row_names,
        column_names,
        title=title,
        x_label="learning rate",
        y_label="weight decay",
    )


def _cells(settings: Sequence[Setting], key: str) -> tuple[np.ndarray, list[str]]:
    """(the cell of each setting, the name of each cell: its middle)."""
    values = np.array([max(setting.settings[key], SMALLEST) for setting in settings])
    # a little above the largest value, which would open a cell of its own
    edges = np.geomspace(values.min(), values.max() * (1 + 1e-9), CELLS + 1)
    cells = np.searchsorted(edges, values, side="right") - 1
    names = [f"{math.sqrt(low * high):.1g}" for low, high in itertools.pairwise(edges)]
    return np.clip(cells, 0, CELLS - 1), names


def draw_expected(scores: Scores, styles: Styles) -> list[str]:
    """The expected best of k settings against k."""
    figures = []
    for workload in scores.workloads:
        bands = {}
        for name in scores.optimizers:
            values = scores.expected_best(workload, name)
            if values:
                bands[name] = Band(range(1, len(values) + 1), values)
        figures.append(
            plot_bands(
                bands,
                styles,
                title=workload,
                x_label="trials",
                y_label=f"expected final {scores.goals[workload].metric}",
                log_y=True,
                marks=True,
                whole_x=True,
            )
        )
    return figures
