"""Saves figures: names are shown as they are written, and a file is whole or absent."""

import contextlib
import io
import os
import warnings
from pathlib import Path
from typing import Any

from effjax.errors import printable_lines


def save_figure(figure: Any, path: Path, dpi: int = 120) -> None:
    """Writes a figure as PNG, by rename.

    Raises:
      OSError: there is no room, or no folder; nothing is left behind then.
    """
    picture = io.BytesIO()
    with _as_written(figure):
        figure.savefig(picture, format="png", dpi=dpi)
    part = path.with_name(f".{path.name}.part{os.getpid()}")
    try:
        # through `open`, as matplotlib itself cannot write into a bucket
        with part.open("wb") as file:
            file.write(picture.getvalue())
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def svg_text(figure: Any) -> str:
    """The figure as an <svg> element, the same text for the same figure."""
    import matplotlib

    # element ids are random without a salt; text stays text, so that it can be found
    reproducible = {"svg.hashsalt": "effjax", "svg.fonttype": "none"}
    out = io.StringIO()
    with matplotlib.rc_context(reproducible), _as_written(figure):
        figure.savefig(out, format="svg", metadata={"Date": None}, transparent=True)
    text = out.getvalue()
    return text[text.index("<svg") :]


@contextlib.contextmanager
def _as_written(figure: Any) -> Any:
    """Shows each name as it is written: "$" starts no formula, control characters are escaped."""
    from matplotlib.text import Text

    own_formulas = _number_labels(figure)
    for text in figure.findobj(Text):
        if id(text) not in own_formulas:
            text.set_parse_math(False)
            text.set_text(printable_lines(text.get_text()))
    with warnings.catch_warnings():
        # a character that the font has not is drawn as a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _number_labels(figure: Any) -> set[int]:
    """The ids of the tick labels that are numbers: matplotlib writes 10^2 as a formula.

    Labels that we have set, which are names, stand at ticks that are fixed.
    """
    from matplotlib.ticker import FixedLocator

    found = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            if not isinstance(axis.get_major_locator(), FixedLocator):
                found |= {id(label) for label in axis.get_ticklabels(which="both")}
                found.add(id(axis.get_offset_text()))
    return found
