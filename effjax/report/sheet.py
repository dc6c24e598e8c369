"""A contact sheet: many small pictures with a caption each."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from effjax.report.figures import save_figure
from effjax.report.style import shorten_middle

SIDE = 1.5  # inches of one picture
SMALL = 120  # pixels a side, below which a picture is enlarged
LETTERS = 25  # of a caption: as many as fit above a picture


def draw_sheet(
    path: Path,
    pictures: Sequence[tuple[np.ndarray, str]],
    columns: int = 8,
    colours: Sequence[str] | None = None,
) -> None:
    """Writes a PNG with the pictures in rows.

    Args:
      path: of the file.
      pictures: (uint8 [H, W, 3], caption) of each; a caption may have several lines.
      columns: at most so many in a row.
      colours: of the captions; None: black.
    """
    from matplotlib.figure import Figure

    columns = max(1, min(columns, len(pictures)))
    rows = max(1, math.ceil(len(pictures) / columns))
    # the tallest caption decides, so that all pictures have one size
    lines = max((caption.count("\n") + 1 for _, caption in pictures), default=1)
    size = (SIDE * columns, (SIDE + 0.13 * lines) * rows)
    figure = Figure(figsize=size, layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).flat
    for number, (axes, (image, caption)) in enumerate(zip(grid, pictures)):
        # the pixels of a small image stay squares: between them there is nothing to be seen
        axes.imshow(image, interpolation="nearest" if len(image) < SMALL else "auto")
        colour = colours[number] if colours else "black"
        shown = [shorten_middle(line, LETTERS) for line in caption.split("\n")]
        axes.set_title("\n".join(shown), fontsize=7, color=colour)
    for axes in figure.axes:
        axes.set_axis_off()
    save_figure(figure, path)
