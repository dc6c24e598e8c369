"""Pictures of comparisons, as SVG text for a page: curves with bands, profiles, heat maps, dots.

A colour belongs to a name (`Styles`), the same in all pictures of a page. Names stand at the ends
of their lines, and in one legend of the page.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from effjax.report.figures import svg_text
from effjax.report.profiles import performance_profile
from effjax.report.style import is_grey, label_ends, line_colours, log_scale, plain_ticks

SIZE = (4.6, 3.1)  # inches


@dataclass(frozen=True)
class Style:
    """How a name is drawn: grey and thin, behind the others, if it has no colour of its own."""

    colour: str

    @property
    def in_front(self) -> bool:
        """Whether the name has a colour of its own."""
        return not is_grey(self.colour)

    @property
    def width(self) -> float:
        """Of its lines, in points."""
        return 1.5 if self.in_front else 0.9


def make_styles(names: Sequence[str], front: Sequence[str] = ()) -> dict[str, Style]:
    """A colour for each name; of more than seven, for those in `front`, the first ones first."""
    places = [names.index(name) for name in front]
    styles = {}
    for name, colour in zip(names, line_colours(len(names), places)):
        styles[name] = Style(colour)
    return styles


@dataclass(frozen=True)
class Band:
    """A curve in the middle of a band."""

    x: Sequence[float]
    middle: Sequence[float]
    low: Sequence[float] | None = None
    high: Sequence[float] | None = None


def plot_bands(
    bands: Mapping[str, Band],
    styles: Mapping[str, Style],
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
    log_x: bool = False,
    log_y: bool = False,
    level: float | None = None,
    marks: bool = False,
    top: float | None = None,
    whole_x: bool = False,
) -> str:
    """Curves, each in its band; `level` is a line across, such as a target.

    Args:
      bands: name -> curve; values that are not finite leave gaps.
      marks: a dot at each point.
      top: values above are cut off.
      whole_x: x counts something: ticks at whole numbers alone.
    """
    figure, axes = _figure(title, x_label, y_label)
    draw_bands(axes, bands, styles, log_x, log_y, level, marks, top)
    if whole_x:
        axes.xaxis.get_major_locator().set_params(integer=True)
    return svg_text(figure)


def draw_bands(
    axes: Any,
    bands: Mapping[str, Band],
    styles: Mapping[str, Style],
    log_x: bool = False,
    log_y: bool = False,
    level: float | None = None,
    marks: bool = False,
    top: float | None = None,
) -> None:
    """As `plot_bands`, on matplotlib axes."""
    for name, band in bands.items():
        style = styles[name]
        x = np.asarray(band.x, float)
        middle = _finite(band.middle)
        mark = "o" if marks else ""
        order = 3 if style.in_front else 2
        axes.plot(x, middle, color=style.colour, lw=style.width, marker=mark, ms=3, zorder=order)
        # bands of what lies behind would hide more than they say
        if style.in_front and band.low is not None and band.high is not None:
            low = _finite(band.low)
            high = _finite(band.high)
            axes.fill_between(x, low, high, color=style.colour, alpha=0.13, lw=0)
    if level is not None:
        axes.axhline(level, color="black", lw=0.8, ls=(0, (2, 2)))
    if log_x:
        axes.set_xscale("log")
    drawn = _finite_values(bands)
    if not len(drawn):
        return
    if log_y and drawn.min() > 0:
        log_scale(axes, drawn)
    # with all curves above `top` the picture would be empty
    if top is not None and drawn.min() < top:
        axes.set_ylim(top=top)
    label_ends(axes, _ends(bands, styles, top))


def _ends(
    bands: Mapping[str, Band], styles: Mapping[str, Style], top: float | None
) -> list[tuple[float, str, str]]:
    """(last value, name, colour) of the curves in front that end inside the picture."""
    ends = []
    for name, band in bands.items():
        middle = _finite(band.middle)
        finite = middle[np.isfinite(middle)]
        if not styles[name].in_front or not len(finite):
            continue
        is_inside = top is None or finite[-1] <= top
        if is_inside:
            ends.append((float(finite[-1]), name, styles[name].colour))
    return ends


def _finite_values(bands: Mapping[str, Band]) -> np.ndarray:
    """All finite values of the curves in the middle."""
    values = [_finite(band.middle) for band in bands.values()]
    joined = np.concatenate([np.zeros(0), *values])
    return joined[np.isfinite(joined)]


def plot_profiles(
    ratios: Mapping[str, Mapping[str, float]],
    styles: Mapping[str, Style],
    *,
    up_to: float = 4.0,
    title: str = "",
) -> str:
    """Performance profiles: the share of workloads within a factor of the fastest."""
    figure, axes = _figure(title, "times the fastest", "share of workloads")
    ends = []
    for name, own in ratios.items():
        # a profile changes at the solver's own ratios and nowhere else
        inside = [ratio for ratio in own.values() if 1 <= ratio <= up_to]
        edges = sorted({1.0, up_to, *inside})
        shares = performance_profile(own, edges)
        style = styles[name]
        axes.step(edges, shares, where="post", color=style.colour, lw=style.width)
        if style.in_front:
            ends.append((shares[-1], name, style.colour))
    axes.set_xlim(1.0, up_to)
    axes.set_ylim(-0.02, 1.02)  # lines at 0 and 1 are seen whole
    label_ends(axes, ends)
    return svg_text(figure)


def plot_intervals(
    rows: Sequence[tuple[str, float, float, float]],
    styles: Mapping[str, Style],
    *,
    title: str = "",
    x_label: str = "",
    level: float | None = None,
    log_x: bool = False,
) -> str:
    """One line a name: (name, estimate, low, high) as a dot in its interval."""
    figure, axes = _figure(title, x_label, "", height=0.9 + 0.24 * max(3, len(rows)))
    draw_intervals(axes, rows, styles, level, log_x)
    return svg_text(figure)


def draw_intervals(
    axes: Any,
    rows: Sequence[tuple[str, float, float, float]],
    styles: Mapping[str, Style],
    level: float | None = None,
    log_x: bool = False,
) -> None:
    """As `plot_intervals`, on matplotlib axes."""
    for place, (name, estimate, low, high) in enumerate(rows):
        colour = styles[name].colour
        # one value alone has an infinite interval: its dot stands alone
        if math.isfinite(low) and math.isfinite(high):
            axes.plot([low, high], [place, place], color=colour, lw=2, alpha=0.5)
        axes.plot([estimate], [place], "o", color=colour, ms=5)
    axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
    axes.invert_yaxis()  # the first row on top, as in the table beside it
    axes.margins(y=0.08)
    if log_x:
        axes.set_xscale("log")
        plain_ticks(axes.xaxis)
    if level is not None:
        axes.axvline(level, color="black", lw=0.8, ls=(0, (2, 2)))


def plot_heat(
    table: Sequence[Sequence[float]],
    rows: Sequence[str],
    columns: Sequence[str],
    *,
    title: str = "",
    x_label: str = "",
    y_label: str = "",
) -> str:
    """A heat map with its numbers; NaN is left white. Low values are dark (good)."""
    values = np.asarray(table, float)
    height = 1.0 + 0.28 * max(3, len(rows))
    figure, axes = _figure(title, x_label, y_label, height=height)
    shown = np.where(np.isfinite(values), values, np.nan)
    axes.imshow(shown, aspect="auto", cmap="viridis")
    axes.set_xticks(range(len(columns)), columns, rotation=40, ha="right")
    axes.set_yticks(range(len(rows)), rows)
    axes.grid(False)
    middle = np.nanmean(shown) if np.isfinite(shown).any() else 0.0
    for (row, column), value in np.ndenumerate(values):
        if not math.isfinite(value):
            text = "x"
            colour = "black"
        else:
            text = f"{value:.3g}"
            # low values are dark in this map and carry white text
            colour = "black" if value > middle else "white"
        axes.text(column, row, text, ha="center", va="center", fontsize=6.5, color=colour)
    return svg_text(figure)


def _finite(values: Sequence[float | None]) -> np.ndarray:
    """The values with NaN, which leaves a gap, for None and infinities."""
    array = np.array(values, float)  # None becomes NaN
    return np.where(np.isfinite(array), array, math.nan)


def _figure(title: str, x_label: str, y_label: str, height: float = SIZE[1]) -> tuple[Any, Any]:
    from matplotlib.figure import Figure  # takes half a second: only where something is drawn

    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    axes = figure.subplots()
    dress(axes, title, x_label, y_label)
    return figure, axes


def dress(axes: Any, title: str, x_label: str, y_label: str) -> None:
    """Title, labels and grid as on all pictures."""
    axes.set_title(title, loc="left", fontsize=9.5)
    axes.set_xlabel(x_label, fontsize=8.5)
    axes.set_ylabel(y_label, fontsize=8.5)
    axes.tick_params(which="both", labelsize=8)
    axes.grid(alpha=0.25, lw=0.6)
    axes.spines[["top", "right"]].set_visible(False)
