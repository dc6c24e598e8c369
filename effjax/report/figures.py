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
    if path.exists() and not path.is_file():
        path.write_bytes(picture.getvalue())  # /dev/null: a rename would put a file in its place
        return
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

    for axis in _axis_objects(figure):
        if _has_names(axis):
            # matplotlib writes the labels again when it draws, from what was set
            labels = [printable_lines(label.get_text()) for label in axis.get_ticklabels()]
            axis.set_ticklabels(labels)
    numbers = _number_labels(figure)
    for text in figure.findobj(Text):
        if id(text) not in numbers:
            text.set_parse_math(False)
            text.set_text(printable_lines(text.get_text()))
    with warnings.catch_warnings():
        # a character that the font has not is drawn as a box
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def _axis_objects(figure: Any) -> list[Any]:
    found = []
    for axes in figure.axes:
        found += [axes.xaxis, axes.yaxis]
    return found


def _has_names(axis: Any) -> bool:
    """Whether the labels at an axis were set by us: such ticks are fixed."""
    from matplotlib.ticker import FixedLocator, NullFormatter

    fixed = isinstance(axis.get_major_locator(), FixedLocator)
    return fixed and not isinstance(axis.get_major_formatter(), NullFormatter)


def _number_labels(figure: Any) -> set[int]:
    """The ids of the tick labels that are numbers: matplotlib writes 10^2 as a formula."""
    found = set()
    for axis in _axis_objects(figure):
        if not _has_names(axis):
            found |= {id(label) for label in axis.get_ticklabels(which="both")}
            found.add(id(axis.get_offset_text()))
    return found
