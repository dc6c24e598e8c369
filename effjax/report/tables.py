"""Tables and little plots in plain text, as wide as the terminal and no wider."""

import math
import shutil
import textwrap
from collections.abc import Sequence

from effjax.errors import printable

Row = Sequence[str]
GAP = "  "
BLOCKS = " ▁▂▃▄▅▆▇█"


def terminal_width() -> int:
    """Columns to write in: those of the terminal ($COLUMNS counts), 100 where there is none."""
    return max(40, shutil.get_terminal_size((100, 24)).columns)


def format_table(
    rows: Sequence[Row], header: Row = (), right: Sequence[int] = (), width: int | None = None
) -> list[str]:
    """The lines of a table: columns as wide as their entries, the last one wrapped.

    Args:
      rows: the cells; all rows have the same number. Control characters are escaped.
      header: names of the columns, above a rule; none if empty.
      right: the columns that are flush right (numbers).
      width: of the whole table; None: the terminal's.
    """
    cells = []
    for row in [header, *rows] if header else rows:
        cells.append([printable(cell) for cell in row])
    if not cells:
        return []
    widths = [max(map(len, column)) for column in zip(*cells)]
    margin = sum(widths[:-1]) + len(GAP) * len(widths[:-1])
    # on a narrow terminal the last column stays readable and the table is too wide
    room = (width or terminal_width()) - margin
    widths[-1] = min(widths[-1], max(20, room))
    lines: list[str] = []
    for row in cells:
        lines += _format_row(row, widths, right)
    if header:
        lines.insert(1, GAP.join("─" * size for size in widths))
    return lines


def _format_row(row: Row, widths: Sequence[int], right: Sequence[int]) -> list[str]:
    *cells, last = row
    first, *more = textwrap.wrap(last, widths[-1]) or [""]
    padded: list[str] = []
    for column, cell in enumerate([*cells, first]):
        flush_right = column in right
        padded.append(cell.rjust(widths[column]) if flush_right else cell.ljust(widths[column]))
    margin = " " * (sum(widths[:-1]) + len(GAP) * len(cells))
    return [GAP.join(padded).rstrip(), *(margin + line for line in more)]


def safe_cell(cell: str) -> str:
    """A cell of a CSV file that no spreadsheet takes for a formula: "=A1" becomes "'=A1".

    Control characters are escaped; a number keeps its sign.
    """
    text = printable(cell)
    # "-" alone stands for what is not there
    if text == "-" or text[:1] not in tuple("=+-@"):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


LATEX = str.maketrans({c: "\\" + c for c in "&%$#_{}"} | {"~": r"\textasciitilde{}"})


def format_latex(rows: Sequence[Row], header: Row) -> str:
    """A `tabular` with booktabs' rules; the first column is flush left, the others right."""
    columns = "l" + "r" * (len(header) - 1)
    lines = [
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        _latex_row(header),
        r"\midrule",
        *map(_latex_row, rows),
        r"\bottomrule",
        r"\end{tabular}",
    ]
    return "\n".join(lines) + "\n"


def _latex_row(row: Row) -> str:
    return " & ".join(printable(cell).translate(LATEX) for cell in row) + r" \\"


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
    margin = max(map(len, marks.values()))
    # a block character shows eighths of a line
    scale = 8 * height / top if top > 0 and math.isfinite(top) else 0.0
    eighths = [round(scale * value) for value in values]
    lines = []
    for level in range(height, 0, -1):
        below = 8 * (level - 1)
        bars = "".join(BLOCKS[min(8, max(0, filled - below))] for filled in eighths)
        lines.append(f"{marks.get(level, ''):>{margin}} ┤{bars}".rstrip())
    left, right = labels
    blank = " " * margin
    lines.append(f"{blank} └{'─' * len(values)}")
    lines.append(f"{blank}  {left}{right:>{max(1, len(values) - len(left))}}")
    return lines
