"""Tables and little plots in plain text, as wide as the terminal and no wider."""

import math
import shutil
import textwrap
from collections.abc import Sequence

Row = Sequence[str]
GAP = "  "


def terminal_width() -> int:
    """Columns to write in: those of the terminal ($COLUMNS counts), 100 where there is none."""
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def format_table(
    rows: Sequence[Row], header: Row = (), right: Sequence[int] = (), width: int | None = None
) -> list[str]:
    """The lines of a table: columns as wide as their entries, the last one wrapped.

    Args:
      rows: the cells; all rows have the same number.
      header: names of the columns, above a rule; none if empty.
      right: the columns that are flush right (numbers).
      width: of the whole table; None: the terminal's.
    """
    every = [*([header] if header else []), *rows]
    if not every:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*every)]
    room = (width or terminal_width()) - sum(len(GAP) + size for size in widths[:-1])
    widths[-1] = min(widths[-1], max(20, room))
    lines = [line for row in every for line in _format_row(row, widths, right)]
    if header:
        lines.insert(1, GAP.join("─" * size for size in widths))
    return lines


def _format_row(row: Row, widths: Sequence[int], right: Sequence[int]) -> list[str]:
    *cells, last = row
    first, *more = textwrap.wrap(last, widths[-1]) or [""]
    cells = [
        cell.rjust(size) if column in right else cell.ljust(size)
        for column, (cell, size) in enumerate(zip(cells, widths))
    ]
    if len(cells) in right:
        first = first.rjust(widths[-1])
    margin = " " * sum(len(GAP) + size for size in widths[:-1])
    return [GAP.join([*cells, first]).rstrip(), *(margin + line for line in more)]


LATEX = str.maketrans({c: "\\" + c for c in "&%$#_{}"} | {"~": r"\textasciitilde{}"})


def format_latex(rows: Sequence[Row], header: Row) -> str:
    """A `tabular` with booktabs' rules; the first column is flush left, the others right."""
    lines = [" & ".join(cell.translate(LATEX) for cell in row) + r" \\" for row in (header, *rows)]
    lines = [r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule"]
    columns = "l" + "r" * (len(header) - 1)
    return "\n".join([rf"\begin{{tabular}}{{{columns}}}", *lines, r"\end{tabular}"]) + "\n"


def format_bytes(count: float) -> str:
    """512 -> "512 B", 1536 -> "1.5 KiB", in powers of 1024."""
    for size, unit in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if count >= size:
            return f"{count / size:.4g} {unit}"
    return f"{count:g} B"


def format_count(count: float) -> str:
    """950 -> "950", 1184022 -> "1.18 M", 16102912000 -> "16.1 G"."""
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= size:
            return f"{count / size:.3g} {unit}"
    return f"{count:g}"


def plot_text(
    values: Sequence[float], height: int = 8, labels: tuple[str, str] = ("", "")
) -> list[str]:
    """Bars of block characters, one column a value, from 0 up to the largest value.

    Args:
      values: numbers that are not negative.
      height: lines of the plot.
      labels: what stands below its left and its right end.
    """
    top = max(values, default=0.0)
    marks = {height: f"{top:.3g}", 1: "0"}
    margin = max(len(mark) for mark in marks.values())
    unit = 8 * height / top if top > 0 and math.isfinite(top) else 0.0
    eighths = [round(unit * value) for value in values]
    lines = []
    for level in range(height, 0, -1):
        bars = "".join(" ▁▂▃▄▅▆▇█"[min(8, max(0, full - 8 * (level - 1)))] for full in eighths)
        lines.append(f"{marks.get(level, ''):>{margin}} ┤{bars}".rstrip())
    left, right = labels
    lines.append(f"{'':>{margin}} └{'─' * len(values)}")
    lines.append(f"{'':>{margin}}  {left}{right:>{max(1, len(values) - len(left))}}")
    return lines
