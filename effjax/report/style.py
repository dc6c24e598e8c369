"""How lines are told apart: few colours, names at the lines' ends, plain numbers at the axes.

Nobody tells more than seven colours apart in a small picture. The lines that matter most get one
each, and the others are grey.
"""

import itertools
import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any

# told apart by those who see no red or green too (Okabe and Ito, 2008); no yellow, on white paper
COLOURS = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f4f24",
)  # fmt: skip
GREY = "#b5bac2"
MOST = len(COLOURS)
CLOSE_TICKS = (1.0, 1.5, 2, 3, 4, 5, 7)
CLOSEST_TICKS = (1.0, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)
POINTS = 72  # an inch


def line_colours(count: int, front: Sequence[int] = ()) -> list[str]:
    """A colour for each of `count` lines; with more than seven, for those in `front` alone.

    Args:
      front: the lines that matter most, the first one first; empty: the first ones.
    """
    if count <= MOST:
        return list(COLOURS[:count])
    colours = [GREY] * count
    for place, colour in zip(front or range(count), COLOURS):
        colours[place] = colour
    return colours


def is_grey(colour: Any) -> bool:
    """Whether a line lies behind the others."""
    return colour == GREY


def label_ends(axes: Any, ends: Sequence[tuple[float, str, str]], size: float = 7.5) -> None:
    """Writes names beside the right ends of lines, one above the other where they would overlap.

    Args:
      axes: with all its lines and limits.
      ends: (y of the last point, name, colour) of each line.
      size: of the letters, in points.
    """
    if not ends:
        return
    height = axes.figure.get_figheight() * POINTS * axes.get_position().height
    gap = 1.25 * size / height  # of the height of the axes
    placed = []
    for y, name, colour in ends:
        # not at 0, which has no place on a logarithmic axis
        at_edge = axes.transData.transform((axes.get_xlim()[1], y))
        _, share = axes.transAxes.inverted().transform(at_edge)
        placed.append([share, name, colour])
    placed.sort(key=lambda label: label[0])
    for below, label in itertools.pairwise(placed):
        label[0] = max(label[0], below[0] + gap)
    # too many for the room above: all move down together
    surplus = placed[-1][0] - 1.0
    if surplus > 0:
        for label in placed:
            label[0] -= min(surplus, max(0.0, placed[0][0]))
    for share, name, colour in placed:
        ink = "#5d6775" if is_grey(colour) else colour
        axes.text(
            1.02, share, name, transform=axes.transAxes, color=ink, fontsize=size, va="center"
        )


def plain_ticks(axis: Any) -> None:
    """Numbers as they are written, at 1, 2 and 5 or closer, on a logarithmic axis.

    matplotlib's own labels are powers of ten, and 1.6 x 10^0 where there are too few of these.
    """
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    if high > 1e4 * low:
        return  # powers of ten are read best
    # within less than a decade the ticks at 1, 2 and 5 would be two or three
    multiples = CLOSE_TICKS if high < 6 * low else (1.0, 2, 5)
    if high < 3 * low:
        multiples = CLOSEST_TICKS
    if high > 100 * low:
        multiples = (1.0,)
    axis.set_major_locator(LogLocator(subs=multiples))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_formatter(NullFormatter())


def log_scale(axes: Any, values: Sequence[float]) -> None:
    """Makes y logarithmic, with plain numbers, if all values allow it and span enough."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite or min(finite) <= 0:
        return
    axes.set_yscale("log")
    plain_ticks(axes.yaxis)


def fit_title(text: str, inches: float, size: float = 10) -> str:
    """`text` in as many lines as it takes within a width; a word too long for one is broken."""
    letters = max(8, int(inches * POINTS / (0.56 * size)))
    lines = []
    for line in text.split("\n"):
        lines += textwrap.wrap(line, letters) or [""]
    return "\n".join(lines)


def shorten_middle(text: str, most: int) -> str:
    """`text` in at most `most` letters: "holiday_2…_003.jpg" keeps its beginning and its end."""
    if len(text) <= most:
        return text
    end = most // 2
    return f"{text[: most - 1 - end]}…{text[-end:]}"


def natural_key(text: str) -> list[tuple[int, int | str]]:
    """A key to sort by in which IMG_2 stands before IMG_10."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdecimal() else (1, part) for part in parts if part]
