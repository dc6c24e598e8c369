"""Pictures of what was found: one curve or one panel a run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from effjax.analyse.settings import Found
from effjax.report.figures import save_figure
from effjax.report.plots import dress, make_styles

Results = Mapping[str, Found]  # run -> what a measure found in it
PANEL = (4.8, 3.5)  # inches


def draw(measure: str, results: Results, folder: Path) -> Path | None:
    """Draws what a measure found into the folder; None where it has no picture."""
    if measure not in DRAWERS:
        return None
    path = folder / f"{measure}.png"
    save_figure(DRAWERS[measure](results), path, dpi=130)
    return path


def _figure(columns: int, rows: int = 1) -> tuple[Any, np.ndarray]:
    from matplotlib.figure import Figure  # takes half a second: only where something is drawn

    width, height = PANEL
    size = (width * columns, height * rows)
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False)


def draw_curvature(results: Results) -> Any:
    """Density and largest eigenvalues against 2 / rate; below, both ends of it block by block."""
    has_blocks = any(found.curves["by block"] for found in results.values())
    figure, panels = _figure(2, rows=2 if has_blocks else 1)
    left, right = panels[0]
    if has_blocks:
        _draw_blocks(panels[1, 0], results, "lambda max", "residual")
        _draw_blocks(panels[1, 1], results, "trace", "error")
        dress(panels[1, 0], "largest eigenvalue of each block, with its residual", "eigenvalue", "")
        dress(panels[1, 1], "trace of each block, with its standard error", "trace", "")
    styles = make_styles(list(results))
    for name, found in results.items():
        colour = styles[name].colour
        grid = found.curves["grid"]
        curve = found.curves["density"]
        left.plot(grid, curve, color=colour, lw=1.3, label=name)
        top = found.curves["top"]
        ranks = range(1, len(top) + 1)
        right.plot(ranks, top, "o-", color=colour, ms=4, label=name)
        limit = found.values["2 / peak rate"]
        if np.isfinite(limit):
            right.axhline(limit, color=colour, lw=0.9, ls=(0, (4, 2)))
    left.set_yscale("log")
    # from where a Gaussian ends, far below all that is seen, to a little above the highest peak
    peak = max(max(found.curves["density"]) for found in results.values())
    left.set_ylim(1e-6, 3 * peak)
    left.set_xscale("symlog", linthresh=1.0)
    dress(left, "density of the Hessian's eigenvalues", "eigenvalue", "density")
    dress(right, "largest eigenvalues; dashed: 2 / peak learning rate", "rank", "eigenvalue")
    right.xaxis.get_major_locator().set_params(integer=True)
    limits = [found.values["2 / peak rate"] for found in results.values()]
    tops = [found.curves["top"][0] for found in results.values()]
    if max(limits) > 20 * max(tops):  # far above, the line would flatten all else
        right.set_yscale("log")
    left.legend(fontsize=8, frameon=False)
    return figure


def _draw_blocks(panel: Any, results: Results, value: str, error: str) -> None:
    """One line a block: a dot for each run, with a bar."""
    styles = make_styles(list(results))
    blocks: dict[str, None] = {}
    for found in results.values():
        blocks |= dict.fromkeys(found.curves["by block"])
    places = {block: place for place, block in enumerate(blocks)}
    middle = (len(results) - 1) / 2
    for order, (name, found) in enumerate(results.items()):
        # runs stand beside each other on the line of a block
        shift = 0.16 * (order - middle)
        for block, own in found.curves["by block"].items():
            panel.errorbar(
                own[value],
                places[block] + shift,
                # one draw has no error
                xerr=np.nan_to_num(own[error]),
                fmt="o",
                ms=5,
                lw=1.2,
                color=styles[name].colour,
            )
    panel.set_yticks(range(len(places)), places)
    panel.invert_yaxis()  # the first one on top


def draw_slices(results: Results) -> Any:
    """Lines of all runs in one panel a direction; a random and a sharpest plane of each run."""
    figure, axes = _figure(max(2, len(results)), rows=3)
    styles = make_styles(list(results))
    lines = {"random": "along a random direction", "sharpest": "along the sharpest direction"}
    for panel, (kind, title) in zip(axes[0], lines.items()):
        for name, found in results.items():
            places = found.curves["places"]
            losses = found.curves[kind]
            panel.plot(places, losses, color=styles[name].colour, label=name)
        dress(panel, title, "distance (1: as long as the weights)", "loss")
    axes[0, 0].legend(fontsize=8, frameon=False)
    planes = {"plane": "two random directions", "sharpest plane": "the two sharpest directions"}
    for row, (kind, title) in zip(axes[1:], planes.items()):
        for panel, (name, found) in zip(row, results.items()):
            _draw_plane(panel, found, kind)
            dress(panel, f"{name}: {title}", "first", "second")
            panel.grid(False)
    for panel in [*axes[0, 2:], *axes[1:, len(results) :].flat]:
        panel.set_visible(False)
    return figure


def _draw_plane(panel: Any, found: Found, kind: str) -> None:
    places = found.curves["plane places"]
    # first direction across, as its axis is named
    plane = np.array(found.curves[kind]).T
    lowest = plane.min()
    highest = max(plane.max(), lowest + 1e-12)
    # equal steps of the logarithm: the basin is seen beside its walls
    shares = np.geomspace(1e-3, 1.0, 14)
    levels = lowest + (highest - lowest) * np.array([0.0, *shares])
    panel.contourf(places, places, plane, levels=levels, cmap="viridis")
    lines = panel.contour(
        places, places, plane, levels=levels[5::3], colors="white", linewidths=0.6
    )
    panel.clabel(lines, fontsize=6, fmt="%.3g")
    panel.plot([0], [0], "+", color="white", ms=9)


def draw_noise(results: Results) -> Any:
    """Tail indices by block, each beside its Gaussian control."""
    figure, ((left, right),) = _figure(2)
    _draw_indices(left, results, "tail index, pooled", "  Gaussian control")
    _draw_indices(right, results, "tail index, along batches", "  Gaussian control ")
    note = "dot: measured; bar: Gaussian of equal covariance"
    dress(left, "tail index as published, coordinates pooled", note, "")
    dress(right, "tail index along minibatches", note, "")
    left.legend(fontsize=8, frameon=False)
    return figure


def _draw_indices(panel: Any, results: Results, kind: str, control: str) -> None:
    """One line a block: a dot for each run's index, and a bar for its control."""
    styles = make_styles(list(results))
    blocks: list[str] = []
    middle = (len(results) - 1) / 2
    for order, (name, found) in enumerate(results.items()):
        by_block = found.curves["by block"]
        blocks = [block for block, own in by_block.items() if kind in own]
        # runs stand beside each other on the line of a block
        shift = 0.16 * (order - middle)
        places = np.arange(len(blocks)) + shift
        measured = [by_block[block][kind] for block in blocks]
        expected = [by_block[block][control] for block in blocks]
        colour = styles[name].colour
        panel.plot(measured, places, "o", color=colour, ms=5, label=name)
        panel.plot(expected, places, "|", color=colour, ms=13, mew=1.5)
    panel.set_yticks(range(len(blocks)), blocks)
    panel.invert_yaxis()  # the whole network on top
    panel.axvline(2.0, color="black", lw=0.8, ls=(0, (2, 2)))


def draw_stability(results: Results) -> Any:
    """Distances of neighbouring trainings over their updates."""
    figure, ((panel,),) = _figure(1)
    styles = make_styles(list(results))
    for name, found in results.items():
        apart = found.curves["distances"]
        updates = range(1, len(apart) + 1)
        panel.plot(updates, apart, color=styles[name].colour, label=name)
    dress(panel, "two trainings that differ in one example", "update", "distance of the weights")
    panel.legend(fontsize=8, frameon=False)
    return figure


DRAWERS: dict[str, Callable[[Results], Any]] = {
    "curvature": draw_curvature,
    "slices": draw_slices,
    "noise": draw_noise,
    "stability": draw_stability,
}
