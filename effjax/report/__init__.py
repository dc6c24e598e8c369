"""Tables, plots and progress displays; knows nothing of the rest of effjax."""

from effjax.report.compare import compare_table, plot_runs
from effjax.report.curves import plot_run
from effjax.report.progress import Display, choose_display, format_seconds
from effjax.report.tables import format_bytes, format_count, format_table, plot_text

__all__ = [
    "Display",
    "choose_display",
    "compare_table",
    "format_bytes",
    "format_count",
    "format_seconds",
    "format_table",
    "plot_run",
    "plot_runs",
    "plot_text",
]
