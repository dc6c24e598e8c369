"""Tables, plots and progress displays; knows nothing of the rest of effjax."""

from effjax.report.compare import compare_table, plot_runs
from effjax.report.curves import plot_run
from effjax.report.pace import format_seconds
from effjax.report.progress import Display, choose_display
from effjax.report.quality import draw_confusion, draw_reliability, draw_severities
from effjax.report.sheet import draw_sheet
from effjax.report.tables import format_bytes, format_count, format_latex, format_table, plot_text

__all__ = [
    "Display",
    "choose_display",
    "compare_table",
    "draw_confusion",
    "draw_reliability",
    "draw_severities",
    "draw_sheet",
    "format_bytes",
    "format_count",
    "format_latex",
    "format_seconds",
    "format_table",
    "plot_run",
    "plot_runs",
    "plot_text",
]
